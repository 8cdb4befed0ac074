"""Reading a ROS 1 bag without its index: chunk by chunk from the start."""

from __future__ import annotations

import bz2
import struct
from collections.abc import Iterator
from pathlib import Path

import lz4.frame

from dice_ros.replay.recording import Report, StoredMessage, StoredTopic, Wire

_MESSAGE, _CHUNK, _CONNECTION = 2, 5, 7
_RECORD_BYTES_MAX = 4 << 30
_UINT32 = struct.Struct("<I")


def salvage_rosbag1(path: Path, report: Report) -> Iterator[StoredMessage]:
    """Messages of every whole chunk, in the file's order; of a cut one, the whole messages."""
    topics: dict[int, StoredTopic] = {}
    with path.open("rb") as file:
        if not file.readline().startswith(b"#ROSBAG V2.0"):
            report(f"{path.name}: no ROS 1 bag (version 2.0)")
            return
        while True:
            start = file.tell()
            head = _block(file.read(4), file.read)
            if head is None:
                if file.tell() > start:
                    report(f"{path.name}: cut off in a record at byte {start}")
                return
            length = file.read(4)
            wanted = _UINT32.unpack(length)[0] if len(length) == 4 else 0
            body = file.read(wanted) if wanted <= _RECORD_BYTES_MAX else b""
            cut = len(length) < 4 or len(body) < wanted
            if cut:
                report(f"{path.name}: cut off {wanted - len(body)} bytes before a record's end")
            try:
                fields = _fields(head)
                if fields.get("op") == bytes([_CHUNK]):
                    compression = fields.get("compression", b"none").decode()
                    yield from _messages(_decompressed(body, compression), topics)
                elif not cut:
                    yield from _message(fields, body, topics)
            except (ValueError, KeyError, OSError, RuntimeError, struct.error) as error:
                report(f"{path.name}: the record at byte {start} is damaged: {error}")
            if cut:
                return


def _block(length: bytes, read: object) -> bytes | None:
    if len(length) < 4:
        return None
    wanted = _UINT32.unpack(length)[0]
    if wanted > _RECORD_BYTES_MAX:
        return None
    data: bytes = read(wanted)  # type: ignore[operator]
    return data if len(data) == wanted else None


def _fields(head: bytes) -> dict[str, bytes]:
    """``name=value`` pairs of a record's header."""
    found, at = {}, 0
    while at + 4 <= len(head):
        size = _UINT32.unpack_from(head, at)[0]
        name, separator, value = head[at + 4 : at + 4 + size].partition(b"=")
        if not separator:
            raise ValueError("a header field has no name")
        found[name.decode()] = value
        at += 4 + size
    return found


def _decompressed(body: bytes, compression: str) -> bytes:
    if compression == "none":
        return body
    if compression == "bz2":
        return bz2.BZ2Decompressor().decompress(body)
    if compression == "lz4":
        return bytes(lz4.frame.LZ4FrameDecompressor().decompress(body))
    raise ValueError(f"compression {compression!r} is not supported")


def _messages(plain: bytes, topics: dict[int, StoredTopic]) -> Iterator[StoredMessage]:
    at = 0
    while at + 4 <= len(plain):
        head_end = at + 4 + _UINT32.unpack_from(plain, at)[0]
        if head_end + 4 > len(plain):
            return
        end = head_end + 4 + _UINT32.unpack_from(plain, head_end)[0]
        if end > len(plain):
            return
        yield from _message(_fields(plain[at + 4 : head_end]), plain[head_end + 4 : end], topics)
        at = end


def _message(
    fields: dict[str, bytes], body: bytes, topics: dict[int, StoredTopic]
) -> Iterator[StoredMessage]:
    kind = fields.get("op", b"\0")[0]
    if kind == _CONNECTION:
        described = _fields(body)
        name = "/" + "/".join(part for part in fields["topic"].decode().split("/") if part)
        package, _, short = described["type"].decode().partition("/")
        definition = described.get("message_definition", b"").decode(errors="replace")
        number = _UINT32.unpack(fields["conn"])[0]
        topics[number] = StoredTopic(name, f"{package}/msg/{short}", Wire.ROS1, definition)
    elif kind == _MESSAGE:
        topic = topics.get(_UINT32.unpack(fields["conn"])[0])
        if topic is not None:
            seconds, nanoseconds = struct.unpack("<II", fields["time"])
            yield StoredMessage(topic, seconds * 1_000_000_000 + nanoseconds, body)
