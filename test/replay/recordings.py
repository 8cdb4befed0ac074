"""Recordings for tests: real bags, written by rosbags."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from mcap.reader import make_reader
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin
from rosbags.rosbag2 import Writer as Writer2
from rosbags.typesys import Stores, get_typestore

EPOCH = 1_700_000_000_000_000_000
PERIOD = 100_000_000
IMAGE, INFO = "sensor_msgs/msg/Image", "sensor_msgs/msg/CameraInfo"
COMPRESSED, STRING = "sensor_msgs/msg/CompressedImage", "std_msgs/msg/String"
ROS2, ROS1 = get_typestore(Stores.ROS2_JAZZY), get_typestore(Stores.ROS1_NOETIC)


@dataclass(frozen=True)
class Shot:
    """One message to record: a picture, a focal length (CameraInfo) or a text."""

    value: np.ndarray | float | str
    topic: str = "/cam/image_raw"
    stamp_ns: int = EPOCH
    log_ns: int | None = None
    encoding: str = "rgb8"
    size: tuple[int, int] = (320, 240)

    @property
    def recorded_ns(self) -> int:
        return self.stamp_ns if self.log_ns is None else self.log_ns

    @property
    def type_name(self) -> str:
        if isinstance(self.value, str):
            return STRING
        if isinstance(self.value, float):
            return INFO
        return COMPRESSED if self.encoding in ("jpeg", "png") else IMAGE


def film(pictures, topic="/cam/image_raw", start_ns=EPOCH, **more) -> list[Shot]:
    """Pictures at 10 Hz."""
    return [
        Shot(picture, topic, start_ns + n * PERIOD, **more) for n, picture in enumerate(pictures)
    ]


def message(store, shot: Shot):
    types = store.types
    if isinstance(shot.value, str):
        return types[STRING](data=shot.value)
    old = "seq" in types["std_msgs/msg/Header"].__dataclass_fields__
    stamp = types["builtin_interfaces/msg/Time"](
        sec=shot.stamp_ns // 10**9, nanosec=shot.stamp_ns % 10**9
    )
    header = types["std_msgs/msg/Header"](*([0] if old else []), stamp=stamp, frame_id="eye")
    if isinstance(shot.value, float):
        return _info(types, header, shot, old)
    picture = shot.value
    if shot.encoding in ("jpeg", "png"):
        data = cv2.imencode(f".{shot.encoding}", picture[..., ::-1])[1].reshape(-1)
        return types[COMPRESSED](header=header, format=shot.encoding, data=data)
    if shot.encoding == "mono8":
        picture = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    height, width = picture.shape[:2]
    return types[IMAGE](
        header=header,
        height=height,
        width=width,
        encoding=shot.encoding,
        is_bigendian=0,
        step=picture.size // height,
        data=picture.reshape(-1),
    )


def _info(types, header, shot: Shot, old: bool):
    width, height = shot.size
    roi = types["sensor_msgs/msg/RegionOfInterest"](
        x_offset=0, y_offset=0, height=0, width=0, do_rectify=False
    )
    numbers = {
        "d": np.zeros(5),
        "k": np.array([shot.value, 0, width / 2, 0, shot.value, height / 2, 0, 0, 1.0]),
        "r": np.eye(3).reshape(-1),
        "p": np.zeros(12),
    }
    if old:
        numbers = {key.upper(): value for key, value in numbers.items()}
    return types[INFO](
        header=header,
        height=height,
        width=width,
        distortion_model="plumb_bob",
        binning_x=0,
        binning_y=0,
        roi=roi,
        **numbers,
    )


def write_bag2(
    path: Path,
    shots: list[Shot],
    plugin: StoragePlugin = StoragePlugin.MCAP,
    compression: CompressionMode = CompressionMode.NONE,
) -> Path:
    """A rosbag2 folder."""
    writer = Writer2(path, version=9, storage_plugin=plugin)
    writer.set_compression(compression, CompressionFormat.ZSTD)
    with writer:
        connections = {}
        for shot in shots:
            if shot.topic not in connections:
                connections[shot.topic] = writer.add_connection(
                    shot.topic, shot.type_name, typestore=ROS2
                )
            data = ROS2.serialize_cdr(message(ROS2, shot), shot.type_name)
            writer.write(connections[shot.topic], shot.recorded_ns, data)
    return path


def write_bag1(path: Path, shots: list[Shot], compression=None) -> Path:
    """A ROS 1 bag."""
    writer = Writer1(path)
    if compression is not None:
        writer.set_compression(compression)
    with writer:
        connections = {}
        for shot in shots:
            if shot.topic not in connections:
                connections[shot.topic] = writer.add_connection(
                    shot.topic, shot.type_name, typestore=ROS1
                )
            data = ROS1.serialize_ros1(message(ROS1, shot), shot.type_name)
            writer.write(connections[shot.topic], shot.recorded_ns, data)
    return path


def storage_file(bag: Path) -> Path:
    """The only file with messages in a rosbag2 folder."""
    (path,) = (item for item in bag.iterdir() if item.name != "metadata.yaml")
    return path


def payloads(path: Path) -> list[tuple[str, int, int, str]]:
    """(topic, log time, publish time, digest of the bytes) in the file's order."""
    with path.open("rb") as file:
        return [
            (
                channel.topic,
                message.log_time,
                message.publish_time,
                hashlib.sha256(message.data).hexdigest(),
            )
            for _, channel, message in make_reader(file).iter_messages(log_time_order=False)
        ]
