"""Writing MCAP files that official bag tools, ``rosbags`` and MCAP viewers open.

A file is written under a temporary name beside its place and renamed when it is closed; after a
crash the ``.partial`` file still holds every complete chunk.
"""

from __future__ import annotations

import errno
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np
from mcap.writer import CompressionType, Writer
from typing_extensions import Self

from dice_ros.camera import Camera
from dice_ros.errors import OutputError
from dice_ros.replay.interaction_record import (
    header_record,
    interaction_records,
    topology_record,
)
from dice_ros.replay.message_store import INTERACTION_TYPE, TOPOLOGY_TYPE, message_store
from dice_ros.types import Frame, FrameResult, MeshTopology

INTERACTION_TOPIC = "/dice/interaction"
TOPOLOGY_TOPIC = "/dice/topology"
IMAGE_TOPIC = "/camera/image_raw"
CAMERA_INFO_TOPIC = "/camera/camera_info"

_CHUNK_BYTES = 4 << 20
_LATCHED_QOS = (
    "- history: 1\n  depth: 1\n  reliability: 1\n  durability: 1\n"
    "  deadline:\n    sec: 9223372036\n    nsec: 854775807\n"
    "  lifespan:\n    sec: 9223372036\n    nsec: 854775807\n"
    "  liveliness: 1\n  liveliness_lease_duration:\n    sec: 9223372036\n    nsec: 854775807\n"
    "  avoid_ros_namespace_conventions: false\n"
)


class MessageWriter:
    """An MCAP file of ROS 2 messages.

    Args:
        path: the finished file.

    Raises:
        OutputError: the file cannot be created.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._partial = path.with_name(path.name + ".partial")
        self._store = message_store()
        self._channels: dict[str, int] = {}
        self._schemas: dict[str, int] = {}
        self._sequence = 0
        self._closed = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: IO[bytes] = self._partial.open("wb")
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error}") from error
        self._writer = Writer(self._file, chunk_size=_CHUNK_BYTES, compression=CompressionType.ZSTD)
        self._writer.start(profile="ros2", library="dice_ros")

    def write(self, topic: str, type_name: str, message: Any, stamp_ns: int) -> None:
        """Serialise and write one message of the type store."""
        data = self._store.serialize_cdr(message, type_name)
        self.write_raw(topic, type_name, data, stamp_ns)

    def write_raw(
        self, topic: str, type_name: str, data: bytes | memoryview, stamp_ns: int
    ) -> None:
        """Write one message that is already CDR.

        Raises:
            OutputError: the disk is full or the file cannot be written.
        """
        try:
            channel = self._channel(topic, type_name)
            self._sequence += 1
            self._writer.add_message(
                channel_id=channel,
                log_time=stamp_ns,
                publish_time=stamp_ns,
                sequence=self._sequence,
                data=bytes(data),
            )
        except OSError as error:
            raise _output_error(self._partial, error) from error

    def close(self) -> None:
        """Finish the file and give it its name."""
        if self._closed:
            return
        self._closed = True
        try:
            self._writer.finish()  # type: ignore[no-untyped-call]  # mcap annotates it partly
            self._file.close()
            self._partial.replace(self.path)
        except OSError as error:
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

    def _channel(self, topic: str, type_name: str) -> int:
        if topic not in self._channels:
            if type_name not in self._schemas:
                text, _ = self._store.generate_msgdef(type_name, ros_version=2)
                self._schemas[type_name] = self._writer.register_schema(
                    type_name, "ros2msg", text.encode()
                )
            latched = topic == TOPOLOGY_TOPIC
            self._channels[topic] = self._writer.register_channel(
                topic,
                "cdr",
                self._schemas[type_name],
                metadata={"offered_qos_profiles": _LATCHED_QOS if latched else ""},
            )
        return self._channels[topic]


class ResultsWriter(MessageWriter):
    """Writes results and, once each, the topologies they refer to."""

    def write_topologies(self, topologies: tuple[MeshTopology, ...], stamp_ns: int) -> None:
        """Write the constant part of the meshes."""
        for topology in topologies:
            self.write(TOPOLOGY_TOPIC, TOPOLOGY_TYPE, topology_record(topology), stamp_ns)

    def write_result(self, result: FrameResult) -> None:
        """Write one message per person, or one that says nobody was there."""
        for record in interaction_records(result):
            self.write(INTERACTION_TOPIC, INTERACTION_TYPE, record, result.frame.stamp_ns)


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
    if error.errno == errno.ENOSPC:
        return OutputError(
            f"the disk is full while writing {path}: free some space; what was written so far "
            "can be read"
        )
    return OutputError(f"cannot write {path}: {error}")
