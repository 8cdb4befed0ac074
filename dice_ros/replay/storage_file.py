"""One file of a bag: read through its index, or salvaged where that fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import zstandard
from rosbags.interfaces import MessageDefinitionFormat
from rosbags.rosbag1 import Reader as Reader1
from rosbags.rosbag2 import Reader as Reader2
from rosbags.rosbag2.metadata import dump_qos_v8

from dice_ros.errors import InputError
from dice_ros.replay.recording import Salvage, StoredMessage, StoredTopic, Wire
from dice_ros.replay.salvage_mcap import salvage_mcap
from dice_ros.replay.salvage_rosbag1 import salvage_rosbag1
from dice_ros.replay.salvage_sqlite import salvage_sqlite

_SALVAGE: dict[str, Salvage] = {
    ".mcap": salvage_mcap,
    ".db3": salvage_sqlite,
    ".bag": salvage_rosbag1,
}
STORAGE_SUFFIXES = tuple(_SALVAGE)

_MAGIC = {".mcap": b"\x89MCAP0\r\n", ".db3": b"SQLite format 3\0", ".bag": b"#ROSBAG V2.0"}
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_DEFINITION_ENCODINGS = {
    MessageDefinitionFormat.MSG: "ros2msg",
    MessageDefinitionFormat.IDL: "ros2idl",
    MessageDefinitionFormat.NONE: "",
}


class StorageFile:
    """An ``.mcap``, ``.db3`` or ``.bag`` file.

    Args:
        path: the file.

    Raises:
        InputError: it is no bag, or nothing in it can be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[str] = []
        """What could not be read, one sentence each."""
        self.topics: dict[str, StoredTopic] = {}
        self.counts: Counter[str] = Counter()
        """Messages of each topic: announced by the index, or counted where there is none."""
        self.start_ns = 0
        self.end_ns = 0
        self._reader: Any = None
        self._check_magic()
        try:
            self._open()
        except Exception as error:  # Damaged bytes make the readers raise anything.
            self.close()
            self.problems.append(f"{path.name}: its index cannot be read ({error}); salvaging")
            self._survey()

    def close(self) -> None:
        """Close the file."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    def messages(
        self, names: Collection[str], start_ns: int | None = None, stop_ns: int | None = None
    ) -> Iterator[StoredMessage]:
        """Messages of some topics: by recorded time, or in the file's order when salvaged.

        Where the file turns out to be damaged on the way, the rest of it is salvaged; no message
        is given twice.
        """
        # An index gives messages by time: what was given is everything up to the last time.
        last_ns, at_last = -1, Counter[str]()
        if self._reader is not None:
            try:
                for message in self._indexed(names, start_ns, stop_ns):
                    if message.log_time_ns != last_ns:
                        last_ns, at_last = message.log_time_ns, Counter()
                    at_last[message.topic.name] += 1
                    yield message
                return
            except Exception as error:  # As above.
                self.problems.append(f"{self.path.name}: damaged ({error}); salvaging the rest")
        for message in self._salvaged(report=bool(self._reader)):
            if message.topic.name not in names:
                continue
            if start_ns is not None and message.log_time_ns < start_ns:
                continue
            if stop_ns is not None and message.log_time_ns >= stop_ns:
                continue
            if message.log_time_ns < last_ns:
                continue
            if message.log_time_ns == last_ns and at_last[message.topic.name]:
                at_last[message.topic.name] -= 1
                continue
            yield message

    def _check_magic(self) -> None:
        magic = _MAGIC[self.path.suffix]
        try:
            with self.path.open("rb") as file:
                found = file.read(len(magic))
        except OSError as error:
            raise InputError(f"the bag {self.path} cannot be read: {error}") from error
        if found != magic:
            raise InputError(
                f"the bag {self.path} cannot be read: it starts with {found!r}, expected {magic!r}"
            )

    def _open(self) -> None:
        log = self.path.with_name(self.path.name + "-wal")
        if self.path.suffix == ".db3" and log.exists() and log.stat().st_size:
            # Opened as immutable, the file would be read without the messages in its log.
            raise InputError(f"{log.name} lies beside it: the recorder was killed")
        is_ros1 = self.path.suffix == ".bag"
        reader: Any = Reader1(self.path) if is_ros1 else Reader2(self.path)
        reader.open()
        self._reader = reader
        wire = Wire.ROS1 if is_ros1 else Wire.CDR
        for item in self._reader.connections:
            qos = "" if is_ros1 else dump_qos_v8(item.ext.offered_qos_profiles)
            encoding = _DEFINITION_ENCODINGS[item.msgdef.format]
            self.topics.setdefault(
                item.topic,
                StoredTopic(item.topic, item.msgtype, wire, item.msgdef.data, encoding, qos),
            )
            self.counts[item.topic] += item.msgcount
        if sum(self.counts.values()):
            self.start_ns, self.end_ns = self._reader.start_time, self._reader.end_time

    def _survey(self) -> None:
        """Topics, counts and times of a file without an index."""
        times = []
        for message in self._salvaged(report=True):
            self.topics.setdefault(message.topic.name, message.topic)
            self.counts[message.topic.name] += 1
            times.append(message.log_time_ns)
        if not times:
            raise InputError(
                f"the bag {self.path} cannot be read: {'; '.join(self.problems)}; nothing in it "
                "is whole"
            )
        self.start_ns, self.end_ns = min(times), max(times) + 1

    def _indexed(
        self, names: Collection[str], start_ns: int | None, stop_ns: int | None
    ) -> Iterator[StoredMessage]:
        wanted = [item for item in self._reader.connections if item.topic in names]
        if not wanted:
            return
        for connection, time_ns, data in self._reader.messages(wanted, start_ns, stop_ns):
            yield StoredMessage(self.topics[connection.topic], time_ns, _plain(data))

    def _salvaged(self, *, report: bool) -> Iterator[StoredMessage]:
        salvage = _SALVAGE[self.path.suffix]
        note = self.problems.append if report else _ignore
        for message in salvage(self.path, note):
            data = _plain(message.data)
            yield StoredMessage(message.topic, message.log_time_ns, data)


def _plain(data: bytes) -> bytes:
    """A message of a bag with message compression; serialised messages never start like that."""
    if data[:4] != _ZSTD_MAGIC:
        return data
    try:
        return bytes(zstandard.ZstdDecompressor().decompressobj().decompress(data))
    except zstandard.ZstdError:
        return data  # Found to be undecodable by whoever reads the message, and counted there.


def _ignore(_: str) -> None:
    """Said already."""
