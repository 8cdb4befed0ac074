"""ROS bags without ROS: rosbag2 (sqlite3, MCAP; folders and single files) and ROS 1."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rosbags.highlevel import AnyReader, AnyReaderError
from rosbags.interfaces import Connection

from dice_ros.camera import Camera
from dice_ros.camera_message_fields import (
    DEFAULT_FRAME_ID,
    camera_from_fields,
    picture_from_fields,
)
from dice_ros.errors import CameraError, ImageError, InputError
from dice_ros.replay.message_store import message_store
from dice_ros.replay.source import FrameSource, SourceOptions
from dice_ros.types import Frame

BAG_SUFFIXES = (".bag", ".mcap", ".db3")

_RAW, _COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
_CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
_LOG = logging.getLogger(__name__)


class Bag(FrameSource):
    """The images of one topic of a bag, with the latest CameraInfo that goes with them.

    Args:
        name: the input as the user wrote it.
        path: folder or file.
        options: ``topic`` chooses between several image topics.

    Raises:
        InputError: the bag cannot be read, has no images, or has several image topics and none
            was chosen.
    """

    def __init__(self, name: str, path: Path, options: SourceOptions) -> None:
        super().__init__(name, options)
        try:
            self._reader = AnyReader([path], default_typestore=message_store())
            self._reader.open()
        except (AnyReaderError, OSError, ValueError, KeyError) as error:
            raise InputError(
                f"the bag {path} cannot be read: {error}; `ros2 bag info` or `ros2 bag reindex` "
                "may tell more"
            ) from error
        try:
            self._images = self._choose_images()
        except InputError:
            self.close()
            raise
        self._infos = self._choose_infos(self._images.topic)

    @property
    def frame_count(self) -> int:
        """Number of image messages."""
        return int(self._images.msgcount)

    def __iter__(self) -> Iterator[Frame]:
        camera, index = self.options.camera or self._first_camera(), 0
        wanted = [self._images, *self._infos]
        for connection, _, data in self._reader.messages(connections=wanted):
            try:
                message = self._reader.deserialize(data, connection.msgtype)
            except Exception as error:
                self._drop("undecodable_message", error)
                continue
            if connection.msgtype == _CAMERA_INFO:
                camera = self.options.camera or self._camera(message) or camera
                continue
            try:
                frame = self._frame(message, connection.msgtype, index, camera)
            except ImageError as error:
                self._drop(error.reason, error)
                continue
            index += 1
            yield frame

    def close(self) -> None:
        """Close the files."""
        self._reader.close()

    def _first_camera(self) -> Camera | None:
        """The first calibration, which drivers often send just after the first image."""
        if not self._infos:
            return None
        for connection, _, data in self._reader.messages(connections=self._infos):
            return self._camera(self._reader.deserialize(data, connection.msgtype))
        return None

    def _drop(self, reason: str, error: Exception) -> None:
        self.drops[reason] += 1
        if self.drops[reason] == 1:
            _LOG.warning("%s: an image is left out: %s", self.name, error)

    def _frame(self, message: Any, kind: str, index: int, camera: Camera | None) -> Frame:
        image = picture_from_fields(
            message, compressed=kind == _COMPRESSED, max_pixels=self.options.max_pixels
        )
        stamp = message.header.stamp
        height, width = image.shape[:2]
        if camera is not None:
            try:
                camera = camera.fitted(width, height)
            except CameraError:
                self.drops["camera_info_of_other_size"] += 1
                camera = None
        return Frame(
            image,
            stamp.sec * 1_000_000_000 + stamp.nanosec,
            frame_id=message.header.frame_id or DEFAULT_FRAME_ID,
            source=f"{self.name}:{self._images.topic}",
            index=index,
            camera=camera,
        )

    def _camera(self, info: Any) -> Camera | None:
        try:
            return camera_from_fields(info)
        except CameraError as error:
            if not self.drops[error.reason]:
                _LOG.warning("%s: a CameraInfo is left out: %s", self.name, error)
            self.drops[error.reason] += 1
            return None

    def _choose_images(self) -> Connection:
        found = [item for item in self._reader.connections if item.msgtype in (_RAW, _COMPRESSED)]
        names = sorted({item.topic for item in found})
        if self.options.topic:
            chosen = [item for item in found if item.topic == self.options.topic]
            if not chosen:
                raise InputError(
                    f"the bag {self.name} has no image topic {self.options.topic!r}; its image "
                    f"topics: {', '.join(names) or 'none'}"
                )
            return chosen[0]
        if not names:
            topics = sorted({f"{item.topic} ({item.msgtype})" for item in self._reader.connections})
            raise InputError(
                f"the bag {self.name} holds no images; its topics: {', '.join(topics) or 'none'}"
            )
        if len(names) > 1:
            raise InputError(
                f"the bag {self.name} has several image topics: {', '.join(names)}; choose one "
                "with --topic"
            )
        return found[0]

    def _choose_infos(self, image_topic: str) -> list[Connection]:
        """The CameraInfo beside the images: the one whose name shares the longest start."""
        infos = [item for item in self._reader.connections if item.msgtype == _CAMERA_INFO]
        if not infos:
            return []

        def shared(item: Connection) -> int:
            pairs = zip(item.topic, image_topic, strict=False)
            return next((n for n, (a, b) in enumerate(pairs) if a != b), len(image_topic))

        best = max(infos, key=shared)
        return [best]
