"""Writing MCAP files that official bag tools, ``rosbags`` and MCAP viewers open.

A file is written under a temporary name beside its place and renamed when it is closed; after a
crash the ``.partial`` file still holds every complete chunk.
"""

from __future__ import annotations

import errno
import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import numpy as np
from mcap.exceptions import McapError
from mcap.records import Channel, Chunk, Message, Schema
from mcap.stream_reader import StreamReader, breakup_chunk
from mcap.writer import CompressionType, Writer
from typing_extensions import Self

from dice_ros.camera import Camera
from dice_ros.errors import InputError, OutputError
from dice_ros.events.touch_event import TouchEvent
from dice_ros.replay.cut_file import CutFile
from dice_ros.replay.interaction_record import (
    header_record,
    interaction_records,
    topology_record,
)
from dice_ros.replay.message_store import (
    INTERACTION_TYPE,
    TOPOLOGY_TYPE,
    TOUCH_EVENT_TYPE,
    message_store,
)
from dice_ros.replay.touch_record import touch_event_record
from dice_ros.types import Frame, FrameResult, MeshTopology

INTERACTION_TOPIC = "/dice/interaction"
TOUCH_EVENT_TOPIC = "/dice/touch_events"
TOPOLOGY_TOPIC = "/dice/topology"
IMAGE_TOPIC = "/camera/image_raw"
CAMERA_INFO_TOPIC = "/camera/camera_info"

_CHUNK_BYTES = 4 << 20
UNLIMITED_BYTES = 1 << 62
"""Chunk size for files whose chunks end only where :meth:`MessageWriter.flush` is called."""
_LATCHED_QOS = (
    "- history: 1\n  depth: 1\n  reliability: 1\n  durability: 1\n"
    "  deadline:\n    sec: 9223372036\n    nsec: 854775807\n"
    "  lifespan:\n    sec: 9223372036\n    nsec: 854775807\n"
    "  liveliness: 1\n  liveliness_lease_duration:\n    sec: 9223372036\n    nsec: 854775807\n"
    "  avoid_ros_namespace_conventions: false\n"
)
_METADATA_VERSION = 8
"""Of rosbag2's metadata: the last whose QoS profiles are numbers, which every version reads."""


@dataclass(frozen=True, slots=True)
class ChannelType:
    """The type of a channel's messages.

    Attributes:
        name: e.g. ``sensor_msgs/msg/Image``.
        definition: with the definitions of everything inside.
        encoding: ``ros2msg`` or ``ros2idl``.
        type_hash: ``RIHS01_...``.
    """

    name: str
    definition: str
    encoding: str
    type_hash: str


@cache
def known_type(name: str) -> ChannelType:
    """A type of our message store."""
    text, _ = message_store().generate_msgdef(name, ros_version=2)
    return ChannelType(name, text, "ros2msg", message_store().hash_rihs01(name))


def partial_path(path: Path) -> Path:
    """Where a file is written until it is complete."""
    return path.with_name(path.name + ".partial")


class MessageWriter:
    """An MCAP file of ROS 2 messages.

    Args:
        path: the finished file.
        chunk_bytes: a chunk ends when it has so many.
        resume_chunks: go on with the unfinished file behind so many chunks, for files written with
            :data:`UNLIMITED_BYTES`; None starts anew.

    Raises:
        OutputError: the file cannot be created.
        InputError: the unfinished file is missing, damaged, or has fewer chunks.
    """

    def __init__(
        self, path: Path, *, chunk_bytes: int = _CHUNK_BYTES, resume_chunks: int | None = None
    ) -> None:
        self.path = path
        self._partial = partial_path(path)
        self._store = message_store()
        self._channels: dict[str, int] = {}
        self._schemas: dict[str, int] = {}
        self._topics: list[dict[str, Any]] = []
        self._counts: dict[int, int] = {}
        self._times_ns: tuple[int, int] | None = None
        self._sequence = 0
        self._unwritten = 0
        self._closed = False
        self.chunks = 0
        """Chunks that :meth:`flush` has ended."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if resume_chunks is None:
                self._open(self._partial, chunk_bytes)
            else:
                self._resume(resume_chunks)
        except OSError as error:
            raise _output_error(path, error) from error

    @property
    def topics(self) -> frozenset[str]:
        """Topics with at least one message."""
        return frozenset(self._channels)

    @property
    def last_time_ns(self) -> int:
        """The latest time of recording; 0 before the first message."""
        return self._times_ns[1] if self._times_ns else 0

    def write(
        self,
        topic: str,
        type_name: str,
        message: Any,
        stamp_ns: int,
        log_time_ns: int | None = None,
    ) -> None:
        """Serialise and write one message of the type store."""
        data = self._store.serialize_cdr(message, type_name)
        self.write_raw(topic, type_name, data, stamp_ns, log_time_ns)

    def write_raw(
        self,
        topic: str,
        kind: str | ChannelType,
        data: bytes | memoryview,
        stamp_ns: int,
        log_time_ns: int | None = None,
        *,
        qos: str = "",
    ) -> None:
        """Write one message that is already CDR.

        Args:
            topic: where to.
            kind: name of a type of the type store, or any type with its definition.
            data: CDR with its header.
            stamp_ns: time of publication.
            log_time_ns: time of recording; None for the same.
            qos: offered QoS profiles as YAML.

        Raises:
            OutputError: the disk is full or the file cannot be written.
        """
        log_time_ns = stamp_ns if log_time_ns is None else log_time_ns
        try:
            channel = self._channel(topic, known_type(kind) if isinstance(kind, str) else kind, qos)
            self._add(channel, log_time_ns, stamp_ns, bytes(data))
        except OSError as error:
            self._give_up()
            raise _output_error(self._partial, error) from error

    def flush(self) -> None:
        """End the chunk: from here on everything written so far survives the end of the process.

        Raises:
            OutputError: the disk is full or the file cannot be written.
        """
        if not self._unwritten or self._closed:
            return
        try:
            self._writer.flush()  # type: ignore[no-untyped-call]  # mcap annotates it partly
        except OSError as error:
            self._give_up()
            raise _output_error(self._partial, error) from error
        self._file.mark_whole()
        self._unwritten = 0
        self.chunks += 1

    def sync(self) -> None:
        """Wait until the disk has what was flushed."""
        self._file.sync()

    def close(self, *, complete: bool = True) -> None:
        """Finish the file and, if it is complete, give it its name.

        Raises:
            OutputError: the disk is full or the file cannot be written.
        """
        if self._closed:
            return
        self._closed = True
        try:
            self._writer.add_metadata("rosbag2", {"serialized_metadata": self._metadata()})
            self._writer.finish()  # type: ignore[no-untyped-call]  # mcap annotates it partly
            self._file.close()
            if complete:
                self._partial.replace(self.path)
        except OSError as error:
            self._file.cut_back()
            raise _output_error(self._partial, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _open(self, path: Path, chunk_bytes: int) -> None:
        self._file = CutFile(path)
        self._writer = Writer(
            cast(Any, self._file), chunk_size=chunk_bytes, compression=CompressionType.ZSTD
        )
        self._writer.start(profile="ros2", library="dice_ros")

    def _give_up(self) -> None:
        """After an error: leave a file that ends with its last whole chunk."""
        self._closed = True
        self._file.cut_back()

    def _add(self, channel: int, log_time_ns: int, publish_time_ns: int, data: bytes) -> None:
        self._sequence += 1
        self._unwritten += 1
        self._counts[channel] += 1
        first, last = self._times_ns or (log_time_ns, log_time_ns)
        self._times_ns = min(first, log_time_ns), max(last, log_time_ns)
        self._writer.add_message(
            channel_id=channel,
            log_time=log_time_ns,
            publish_time=publish_time_ns,
            sequence=self._sequence,
            data=data,
        )
        self._file.mark_whole()

    def _channel(self, topic: str, kind: ChannelType, qos: str) -> int:
        if topic not in self._channels:
            if kind.name not in self._schemas:
                self._register_schema(kind.name, kind.encoding, kind.definition.encode())
            profile = _LATCHED_QOS if topic == TOPOLOGY_TOPIC else qos
            metadata = {"offered_qos_profiles": profile, "topic_type_hash": kind.type_hash}
            self._register_channel(topic, kind.name, metadata)
        return self._channels[topic]

    def _register_schema(self, name: str, encoding: str, definition: bytes) -> None:
        self._schemas[name] = self._writer.register_schema(name, encoding, definition)

    def _register_channel(self, topic: str, type_name: str, metadata: dict[str, str]) -> None:
        channel = self._writer.register_channel(topic, "cdr", self._schemas[type_name], metadata)
        self._channels[topic], self._counts[channel] = channel, 0
        described = {
            "name": topic,
            "type": type_name,
            "serialization_format": "cdr",
            "offered_qos_profiles": metadata["offered_qos_profiles"],
            "type_description_hash": metadata["topic_type_hash"],
        }
        self._topics.append(described)

    def _metadata(self) -> str:
        """What rosbag2 wants to know, as JSON, which is YAML too."""
        first, last = self._times_ns or (0, 0)
        start, duration = {"nanoseconds_since_epoch": first}, {"nanoseconds": last - first}
        count = sum(self._counts.values())
        counted = zip(self._topics, self._counts.values(), strict=True)
        value = {
            "version": _METADATA_VERSION,
            "storage_identifier": "mcap",
            "duration": duration,
            "starting_time": start,
            "message_count": count,
            "topics_with_message_count": [
                {"topic_metadata": topic, "message_count": number} for topic, number in counted
            ],
            "compression_format": "",
            "compression_mode": "",
            "relative_file_paths": [self.path.name],
            "files": [
                {
                    "path": self.path.name,
                    "starting_time": start,
                    "duration": duration,
                    "message_count": count,
                }
            ],
            "custom_data": None,
            "ros_distro": "rosbags",
        }
        return json.dumps(value)

    def _resume(self, wanted: int) -> None:
        """Copy the first chunks into a new file, in whose place the old one was, and go on."""
        copy = self._partial.with_name(self._partial.name + ".copy")
        try:
            with self._partial.open("rb") as file:
                self._open(copy, UNLIMITED_BYTES)
                reader = StreamReader(file, emit_chunks=True)
                for record in reader.records:
                    if self.chunks >= wanted:
                        break
                    if isinstance(record, Chunk):
                        self._copy(record)
        except (EOFError, McapError, ValueError, struct.error) as error:
            raise InputError(f"the unfinished file {self._partial} is damaged: {error}") from error
        if self.chunks < wanted:
            raise InputError(
                f"the unfinished file {self._partial} has {self.chunks} chunks, expected {wanted}: "
                "start over with --overwrite"
            )
        copy.replace(self._partial)

    def _copy(self, chunk: Chunk) -> None:
        for record in breakup_chunk(chunk, validate_crc=True):
            if isinstance(record, Schema):
                self._register_schema(record.name, record.encoding, record.data)
            elif isinstance(record, Channel):
                names = {number: name for name, number in self._schemas.items()}
                self._register_channel(record.topic, names[record.schema_id], dict(record.metadata))
            elif isinstance(record, Message):
                self._add(record.channel_id, record.log_time, record.publish_time, record.data)
        self.flush()


class ResultsWriter(MessageWriter):
    """Writes results and, once each, the topologies they refer to."""

    def write_topologies(self, topologies: tuple[MeshTopology, ...], stamp_ns: int) -> None:
        """Write the constant part of the meshes."""
        for topology in topologies:
            self.write(TOPOLOGY_TOPIC, TOPOLOGY_TYPE, topology_record(topology), stamp_ns)

    def write_result(
        self,
        result: FrameResult,
        topic: str = INTERACTION_TOPIC,
        log_time_ns: int | None = None,
    ) -> None:
        """Write one message per person, or one that says nobody was there."""
        for record in interaction_records(result):
            self.write(topic, INTERACTION_TYPE, record, result.frame.stamp_ns, log_time_ns)

    def write_touches(
        self,
        events: Iterable[TouchEvent],
        topic: str = TOUCH_EVENT_TOPIC,
        log_time_ns: int | None = None,
    ) -> None:
        """Write what was told of touches, in this order."""
        for event in events:
            record = touch_event_record(event)
            self.write(topic, TOUCH_EVENT_TYPE, record, event.stamp_ns, log_time_ns)


class ImageBagWriter(MessageWriter):
    """Writes a camera: raw images and their calibration."""

    def write_frame(self, frame: Frame) -> None:
        """Write ``sensor_msgs/Image`` (rgb8) and, if known, ``sensor_msgs/CameraInfo``."""
        height, width = frame.image.shape[:2]
        types = self._store.types
        image = types["sensor_msgs/msg/Image"](
            header=header_record(frame.stamp_ns, frame.frame_id),
            height=height,
            width=width,
            encoding="rgb8",
            is_bigendian=0,
            step=3 * width,
            data=np.ascontiguousarray(frame.image).reshape(-1),
        )
        if frame.camera is not None:
            info = self._camera_info(frame, frame.camera)
            self.write(CAMERA_INFO_TOPIC, "sensor_msgs/msg/CameraInfo", info, frame.stamp_ns)
        self.write(IMAGE_TOPIC, "sensor_msgs/msg/Image", image, frame.stamp_ns)

    def _camera_info(self, frame: Frame, camera: Camera) -> Any:
        types = self._store.types
        P = np.hstack([camera.K, np.zeros((3, 1))])
        return types["sensor_msgs/msg/CameraInfo"](
            header=header_record(frame.stamp_ns, frame.frame_id),
            height=camera.height,
            width=camera.width,
            distortion_model="equidistant" if camera.fisheye else "plumb_bob",
            d=np.zeros(5) if not camera.distortion.size else camera.distortion,
            k=camera.K.reshape(-1),
            r=np.eye(3).reshape(-1),
            p=P.reshape(-1),
            binning_x=0,
            binning_y=0,
            roi=types["sensor_msgs/msg/RegionOfInterest"](
                x_offset=0, y_offset=0, height=0, width=0, do_rectify=False
            ),
        )


def _output_error(path: Path, error: OSError) -> OutputError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return OutputError(
            f"the disk is full while writing {path} ({error.strerror}): free some space; what was "
            "written so far can be read"
        )
    return OutputError(f"cannot write {path}: {error}")
