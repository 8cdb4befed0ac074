"""Square image regions turned in the plane: what the landmark networks look at."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dice_ros.types import Box, Float32Array, UInt8Array

FACE_GROWTH = 1.5
HAND_GROWTH_PALM, HAND_SHIFT_PALM = 2.6, 0.5
HAND_GROWTH, HAND_SHIFT = 2.0, 0.1
_HAND_FRAME_LANDMARKS = np.array([0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18])
_EYE_CORNERS = (33, 263)


@dataclass(frozen=True, slots=True)
class RotatedBox:
    """A square region of an image.

    Attributes:
        x, y: centre, image pixels.
        side: length of a side, image pixels.
        rotation: radians by which the region's axes are turned against the image's (clockwise
            on the screen, as y points down).
    """

    x: float
    y: float
    side: float
    rotation: float

    def crop(self, image: UInt8Array, size: int) -> UInt8Array:
        """Cut the region out as (size, size, 3); beyond the image its border is repeated."""
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(
            cv2.warpAffine(
                image,
                self._to_image(size),
                (size, size),
                flags=flags,
                borderMode=cv2.BORDER_REPLICATE,
            )
        )

    def to_image(self, points: Float32Array, size: int) -> Float32Array:
        """Bring (N, 2) crop pixels, or (N, 3) with a depth in the same unit, to image pixels."""
        M = self._to_image(size)
        result = points.astype(np.float32)
        result[:, :2] = points[:, :2] @ M[:, :2].T + M[:, 2]
        if points.shape[1] > 2:
            result[:, 2] = points[:, 2] * (self.side / size)
        return result

    def _to_image(self, size: int) -> NDArray[np.float64]:
        scale = self.side / size
        cosine, sine = scale * np.cos(self.rotation), scale * np.sin(self.rotation)
        half = 0.5 * size
        return np.array(
            [
                [cosine, -sine, self.x - half * (cosine - sine)],
                [sine, cosine, self.y - half * (sine + cosine)],
            ]
        )


def whole_image(image: UInt8Array) -> RotatedBox:
    """The smallest centred square that holds the whole image."""
    height, width = image.shape[:2]
    return RotatedBox(0.5 * width, 0.5 * height, float(max(width, height)), 0.0)


def bounding_box(points: Float32Array) -> Box:
    """Axis-aligned box around (N, 2+) image points."""
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    return Box(*(float(value) for value in (*low, *(high - low))))


def face_region_from_detection(box: Box, keypoints: Float32Array) -> RotatedBox:
    """Region of a detected face; ``keypoints`` 0 and 1 are the right and the left eye."""
    across = keypoints[1] - keypoints[0]
    return RotatedBox(
        box.x + 0.5 * box.width,
        box.y + 0.5 * box.height,
        FACE_GROWTH * max(box.width, box.height),
        float(np.arctan2(across[1], across[0])),
    )


def face_region_from_landmarks(points: Float32Array) -> RotatedBox:
    """Region of a face for the next frame, from its (478, 2+) landmarks."""
    across = points[_EYE_CORNERS[1], :2] - points[_EYE_CORNERS[0], :2]
    return _around(points[:, :2], float(np.arctan2(across[1], across[0])), FACE_GROWTH, 0.0)


def hand_region_from_detection(box: Box, keypoints: Float32Array) -> RotatedBox:
    """Region of a detected palm; ``keypoints`` 0 and 2 are wrist and middle knuckle."""
    up = keypoints[2] - keypoints[0]
    rotation = _wrap(0.5 * np.pi - float(np.arctan2(-up[1], up[0])))
    shift = HAND_SHIFT_PALM * box.height
    return RotatedBox(
        box.x + 0.5 * box.width + shift * np.sin(rotation),
        box.y + 0.5 * box.height - shift * np.cos(rotation),
        HAND_GROWTH_PALM * max(box.width, box.height),
        rotation,
    )


def hand_region_from_landmarks(points: Float32Array) -> RotatedBox:
    """Region of a hand for the next frame, from its (21, 2+) landmarks."""
    up = 0.5 * points[9, :2] + 0.25 * (points[5, :2] + points[13, :2]) - points[0, :2]
    rotation = _wrap(0.5 * np.pi - float(np.arctan2(-up[1], up[0])))
    return _around(points[_HAND_FRAME_LANDMARKS, :2], rotation, HAND_GROWTH, HAND_SHIFT)


def _around(points: Float32Array, rotation: float, growth: float, shift: float) -> RotatedBox:
    """Square around points in a turned frame, moved up in it by a share of its height."""
    R = np.array([[np.cos(rotation), -np.sin(rotation)], [np.sin(rotation), np.cos(rotation)]])
    turned = points @ R
    low, high = turned.min(axis=0), turned.max(axis=0)
    size = high - low
    centre = R @ (0.5 * (low + high) - (0.0, shift * size[1]))
    return RotatedBox(float(centre[0]), float(centre[1]), growth * float(size.max()), rotation)


def _wrap(angle: float) -> float:
    """Angle in [-pi, pi)."""
    return float(angle - 2.0 * np.pi * np.floor((angle + np.pi) / (2.0 * np.pi)))
