"""The portrait canvas that one person is shown to the network on, cut from a camera image.

The published demo truncates every step of the box to whole pixels, the published training does
not; this is the latter. The two differ by less than a pixel of the box.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dice_ros.networks.interwild.spaces import CANVAS_HEIGHT, CANVAS_WIDTH
from dice_ros.types import Box, Float32Array, Float64Array, UInt8Array

MARGIN = 1.25
"""How much more than the box the canvas shows."""


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """Where a canvas lies in its image.

    Attributes:
        box: image pixels that fill it, 3 : 4; may leave the image.
        to_canvas: (2, 3) float64, image pixels -> canvas pixels.
        to_image: (2, 3) float64, its inverse.
    """

    box: Box
    to_canvas: Float64Array
    to_image: Float64Array

    @property
    def pixels_per_image_pixel(self) -> float:
        """Canvas pixels per image pixel."""
        return float(self.to_canvas[0, 0])

    def points_on_canvas(self, points: NDArray[np.floating]) -> Float64Array:
        """(N, 2) image pixels -> (N, 2) canvas pixels."""
        return np.asarray(points @ self.to_canvas[:, :2].T + self.to_canvas[:, 2])

    def points_in_image(self, points: NDArray[np.floating]) -> Float64Array:
        """(N, 2) canvas pixels -> (N, 2) image pixels, not clamped."""
        return np.asarray(points @ self.to_image[:, :2].T + self.to_image[:, 2])

    def cut(self, image: UInt8Array) -> Float32Array:
        """(H, W, 3) uint8 -> (512, 384, 3) float32 grey levels, bilinear, black outside the image.

        Levels are not rounded, as published. OpenCV 4 rounds positions to 1/32 pixel; 5 does not.
        """
        warped = cv2.warpAffine(
            image.astype(np.float32),
            self.to_canvas,
            (CANVAS_WIDTH, CANVAS_HEIGHT),
            flags=cv2.INTER_LINEAR,
        )
        return np.asarray(warped, dtype=np.float32)


def person_canvas(person: Box, width: int, height: int, margin: float = MARGIN) -> Canvas | None:
    """The canvas for one person.

    Args:
        person: box of the person, or of both hands, image pixels; the whole image for no box.
        width, height: of the image.
        margin: how much more than the box it shows; 1 for data sets of cropped people.

    Returns:
        None if nothing of the box lies in the image.
    """
    left, top = max(0.0, person.x), max(0.0, person.y)
    right = min(width - 1.0, left + max(0.0, person.width - 1.0))
    bottom = min(height - 1.0, top + max(0.0, person.height - 1.0))
    if not (right > left and bottom > top):
        return None
    shown_width, shown_height = right - left, bottom - top
    aspect = CANVAS_WIDTH / CANVAS_HEIGHT
    shown_width, shown_height = (
        max(shown_width, aspect * shown_height) * margin,
        max(shown_height, shown_width / aspect) * margin,
    )
    centre = np.array([(left + right) / 2, (top + bottom) / 2])
    scale = CANVAS_WIDTH / shown_width
    middle = np.array([CANVAS_WIDTH / 2, CANVAS_HEIGHT / 2])
    shift = middle - scale * centre
    return Canvas(
        Box(
            float(centre[0] - shown_width / 2),
            float(centre[1] - shown_height / 2),
            shown_width,
            shown_height,
        ),
        np.column_stack([scale * np.eye(2), shift]),
        np.column_stack([np.eye(2) / scale, -shift / scale]),
    )
