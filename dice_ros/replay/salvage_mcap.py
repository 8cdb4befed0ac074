"""Reading an MCAP file that has no end or is damaged: every record that is whole.

A recorder that was killed leaves a file without its index; a copy that broke off cuts the last
chunk. Records are walked from the start. A cut chunk is decompressed as far as it goes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import lz4.frame
import zstandard
from mcap.data_stream import ReadDataStream
from mcap.opcode import Opcode
from mcap.records import Channel, Message, Schema

from dice_ros.replay.recording import Report, StoredMessage, StoredTopic, Wire

_MAGIC_BYTES = 8
_RECORD_HEAD = struct.Struct("<BQ")
_CHUNK_HEAD = struct.Struct("<QQQI")
_MESSAGE_HEAD_BYTES = 22
_RECORD_BYTES_MAX = 4 << 30


def salvage_mcap(path: Path, report: Report) -> Iterator[StoredMessage]:
    """Messages of every whole record, in the file's order."""
    topics = _Topics()
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(_MAGIC_BYTES)
        while True:
            start = file.tell()
            head = file.read(_RECORD_HEAD.size)
            if len(head) < _RECORD_HEAD.size:
                if head:
                    report(f"{path.name}: cut off in a record at byte {start}")
                return
            opcode, length = _RECORD_HEAD.unpack(head)
            if not opcode or length > _RECORD_BYTES_MAX:
                report(f"{path.name}: no MCAP record at byte {start}; {size - start} bytes lost")
                return
            if opcode in (Opcode.DATA_END, Opcode.FOOTER):
                return
            body = file.read(length)
            if len(body) < length:
                report(
                    f"{path.name}: cut off at byte {start + len(head) + len(body)}, "
                    f"{length - len(body)} bytes before the end of a record"
                )
            if opcode == Opcode.CHUNK:
                yield from _chunk(body, start, topics, path=path, report=report)
            elif len(body) == length:
                yield from topics.take(opcode, body)
            if len(body) < length:
                return


class _Topics:
    """Schemas and channels seen so far."""

    def __init__(self) -> None:
        self._schemas: dict[int, Schema] = {}
        self._topics: dict[int, StoredTopic] = {}

    def take(self, opcode: int, body: bytes) -> Iterator[StoredMessage]:
        """Remember a schema or channel; hand on a message."""
        if opcode == Opcode.MESSAGE:
            message = _parsed(Message, body, len(body))
            topic = self._topics.get(message.channel_id)
            if topic is not None:
                yield StoredMessage(topic, message.log_time, message.data)
        elif opcode == Opcode.SCHEMA:
            schema = _parsed(Schema, body)
            self._schemas[schema.id] = schema
        elif opcode == Opcode.CHANNEL:
            channel = _parsed(Channel, body)
            found = self._schemas.get(channel.schema_id)
            if found is None or channel.message_encoding != "cdr":
                return
            self._topics[channel.id] = StoredTopic(
                channel.topic,
                found.name,
                Wire.CDR,
                found.data.decode(errors="replace"),
                found.encoding,
                channel.metadata.get("offered_qos_profiles", ""),
            )


def _parsed(kind: Any, body: bytes, *arguments: int) -> Any:
    return kind.read(ReadDataStream(BytesIO(body)), *arguments)


def _chunk(
    body: bytes, start: int, topics: _Topics, *, path: Path, report: Report
) -> Iterator[StoredMessage]:
    """Messages of one chunk, whole or cut."""
    position = _CHUNK_HEAD.size + 4
    if len(body) < position:
        return
    _, _, plain_bytes, crc = _CHUNK_HEAD.unpack(body[: _CHUNK_HEAD.size])
    name_bytes = int.from_bytes(body[position - 4 : position], "little")
    compression = body[position : position + name_bytes].decode(errors="replace")
    packed = body[position + name_bytes + 8 :]
    try:
        plain = _decompressed(packed, compression)
    except (zstandard.ZstdError, RuntimeError, ValueError) as error:
        report(f"{path.name}: the chunk at byte {start} is damaged ({error}) and left out")
        return
    if len(plain) == plain_bytes and crc and zlib.crc32(plain) != crc:
        report(f"{path.name}: the chunk at byte {start} fails its checksum and is left out")
        return
    if len(plain) < plain_bytes:
        report(f"{path.name}: of the cut chunk at byte {start}, whole messages are kept")
    at = 0
    while at + _RECORD_HEAD.size <= len(plain):
        opcode, length = _RECORD_HEAD.unpack_from(plain, at)
        at += _RECORD_HEAD.size
        if at + length > len(plain) or (opcode == Opcode.MESSAGE and length < _MESSAGE_HEAD_BYTES):
            return
        yield from topics.take(opcode, plain[at : at + length])
        at += length


def _decompressed(packed: bytes, compression: str) -> bytes:
    """As much as there is."""
    if not compression:
        return packed
    if compression == "zstd":
        return bytes(zstandard.ZstdDecompressor().decompressobj().decompress(packed))
    if compression == "lz4":
        return bytes(lz4.frame.LZ4FrameDecompressor().decompress(packed))
    raise ValueError(f"compression {compression!r} is not supported")
