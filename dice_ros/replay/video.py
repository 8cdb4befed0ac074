"""Video files and webcams, through OpenCV."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from dice_ros.errors import InputError
from dice_ros.replay.source import FrameSource, SourceOptions
from dice_ros.types import Frame

VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv")

_START_NS = 1_000_000_000
_FALLBACK_FPS = 30.0
_LOG = logging.getLogger(__name__)


class VideoFile(FrameSource):
    """The frames of a video, stamped with their times in the file, from 1 s on.

    Raises:
        InputError: OpenCV cannot open it.
    """

    def __init__(self, name: str, path: Path, options: SourceOptions) -> None:
        super().__init__(name, options)
        self._capture = cv2.VideoCapture(str(path))
        if not self._capture.isOpened():
            raise InputError(
                f"{path} cannot be opened as a video: it is damaged, or this OpenCV has no codec "
                "for it; converting it to MP4 (H.264) or an image folder usually helps"
            )
        count = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self._count = count if count > 0 else None
        fps = float(self._capture.get(cv2.CAP_PROP_FPS))
        self._period_ns = round(1e9 / fps) if 1.0 <= fps <= 1000.0 else round(1e9 / _FALLBACK_FPS)

    @property
    def frame_count(self) -> int | None:
        """Number of frames the container announces."""
        return self._count

    def __iter__(self) -> Iterator[Frame]:
        last_ns, index = -1, 0
        while True:
            found, picture = self._capture.read()
            if not found:
                break
            container_ns = round(1e6 * float(self._capture.get(cv2.CAP_PROP_POS_MSEC)))
            if container_ns <= last_ns:
                container_ns = index * self._period_ns
            last_ns = max(last_ns + 1, container_ns)
            yield Frame(
                np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), dtype=np.uint8),
                _START_NS + last_ns,
                source=self.name,
                index=index,
                camera=self.options.camera,
            )
            index += 1
        if self._count is not None and index < self._count:
            self.drops["truncated_video"] += self._count - index
            _LOG.warning("%s: %d of %d frames could be read", self.name, index, self._count)

    def close(self) -> None:
        """Close the file."""
        self._capture.release()


class Webcam(FrameSource):
    """A camera of this computer, stamped with the time of reception.

    Args:
        name: ``camera:0`` or ``camera:/dev/video0``.
        options: how it is read.

    Raises:
        InputError: there is no such camera.
    """

    def __init__(self, name: str, options: SourceOptions) -> None:
        super().__init__(name, options)
        device = name.split(":", 1)[1] or "0"
        self._capture = cv2.VideoCapture(int(device) if device.isdigit() else device)
        if not self._capture.isOpened():
            raise InputError(
                f"there is no camera {device!r}, or another program uses it; see "
                "`ls /dev/video*` and write e.g. camera:0"
            )

    @property
    def frame_count(self) -> None:
        """A camera never ends."""
        return

    def __iter__(self) -> Iterator[Frame]:
        index = 0
        while True:
            found, picture = self._capture.read()
            if not found:
                self.drops["camera_silent"] += 1
                _LOG.warning("%s stopped sending pictures", self.name)
                return
            yield Frame(
                np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), dtype=np.uint8),
                time.time_ns(),
                source=self.name,
                index=index,
                camera=self.options.camera,
            )
            index += 1

    def close(self) -> None:
        """Free the camera."""
        self._capture.release()
