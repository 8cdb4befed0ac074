"""The calibration of the images: the newest received one, or an assumed one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np

from dice_ros.camera import Camera
from dice_ros.errors import CameraError

OnTrouble = Callable[[str, str], None]


class Calibration:
    """Keeps the newest camera for another thread.

    Args:
        topic: where calibrations come from, for people.
        on_trouble: told the reason and the text if the received camera does not fit an image, and
            with the reason ``intrinsics_assumed`` once an assumed one is used.
    """

    def __init__(self, topic: str, on_trouble: OnTrouble) -> None:
        self._topic = topic
        self._on_trouble = on_trouble
        self._changed = threading.Condition()
        self._camera: Camera | None = None
        self._assumed: Camera | None = None
        self._deadline_s: float | None = None
        self._hurried = False
        self.is_assumed = True
        """Whether the newest image was given an assumed camera."""

    def receive(self, camera: Camera) -> None:
        """A calibration came."""
        with self._changed:
            self._camera = camera
            self._changed.notify_all()

    def begin(self) -> None:
        """The next image is the first: it may wait for a calibration."""
        with self._changed:
            self._deadline_s = None
            self._hurried = False

    def hurry(self) -> None:
        """Let nobody wait any longer."""
        with self._changed:
            self._hurried = True
            self._changed.notify_all()

    def camera_for(self, width: int, height: int, *, wait_s: float, focal_ratio: float) -> Camera:
        """The camera of an image; waits if it is the first one and no calibration has come.

        Args:
            width, height: size of the image in pixels.
            wait_s: how long after the first image a calibration may come.
            focal_ratio: focal length over the longer side, if one has to be assumed.
        """
        with self._changed:
            if self._deadline_s is None:
                self._deadline_s = time.monotonic() + wait_s
            left_s = max(0.0, self._deadline_s - time.monotonic())
            self._changed.wait_for(lambda: self._camera is not None or self._hurried, left_s)
            received = self._camera
        camera = received and self._fitted(received, width, height)
        if camera is None:
            camera = self._assume(width, height, focal_ratio)
        self.is_assumed = camera.assumed
        return camera

    def _fitted(self, camera: Camera, width: int, height: int) -> Camera | None:
        try:
            return camera.fitted(width, height)
        except CameraError as error:
            self._on_trouble(error.reason, str(error))
            return None

    def _assume(self, width: int, height: int, focal_ratio: float) -> Camera:
        camera = Camera.assume(width, height, focal_ratio)
        known, self._assumed = self._assumed, camera
        if known is None or not np.array_equal(known.K, camera.K):
            self._on_trouble(
                "intrinsics_assumed",
                f"no usable CameraInfo on {self._topic}: assuming a focal length of "
                f"{camera.K[0, 0]:.0f} pixels; depths may be wrong by a constant factor",
            )
        return camera
