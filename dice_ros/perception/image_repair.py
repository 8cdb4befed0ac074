"""Making bad pictures readable for the networks: noise and darkness.

Strong sensor noise hides hands and faces from the detectors, a slight blur brings them back; dark
pictures are stretched. Tried only when nothing is found, and kept while it helps.
"""

from __future__ import annotations

import enum

import cv2
import numpy as np

from dice_ros.types import UInt8Array

_BLUR_SIGMA_PX = 1.5
_DARK_MEAN = 60.0
_STRETCH_TO = 235.0
_BRIGHT_PERCENTILE = 99.0
_SAMPLE_STEP = 4


class Repair(enum.Enum):
    """What is done to a picture before the networks see it."""

    NONE = "none"
    BLUR = "blur"
    BRIGHTEN = "brighten"

    def apply(self, image: UInt8Array) -> UInt8Array:
        """The repaired picture, same shape."""
        if self is Repair.BLUR:
            return np.asarray(cv2.GaussianBlur(image, (0, 0), _BLUR_SIGMA_PX), dtype=np.uint8)
        if self is Repair.BRIGHTEN:
            bright = float(np.percentile(image[::_SAMPLE_STEP, ::_SAMPLE_STEP], _BRIGHT_PERCENTILE))
            gain = _STRETCH_TO / max(bright, 1.0)
            smooth = cv2.GaussianBlur(image, (0, 0), 0.5 * _BLUR_SIGMA_PX)
            return np.asarray(cv2.convertScaleAbs(smooth, alpha=gain), dtype=np.uint8)
        return image


def likely_repair(image: UInt8Array) -> Repair:
    """What to try on a picture in which nothing was found."""
    dark = float(image[::_SAMPLE_STEP, ::_SAMPLE_STEP].mean()) < _DARK_MEAN
    return Repair.BRIGHTEN if dark else Repair.BLUR
