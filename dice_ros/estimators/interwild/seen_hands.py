"""What InterWild says about the hands on one canvas, as arrays in image pixels and metres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dice_ros.types import Float32Array, Float64Array, HandSide


@dataclass(frozen=True, slots=True, eq=False)
class SeenHand:
    """One hand, not placed in a camera yet; metres, axes of the camera, about the wrist.

    Attributes:
        side: which.
        confidence: height of the box's peak; None where the box was given.
        box: (4,) float64, x1, y1, x2, y2 around the joints with a fifth to spare, image pixels.
        crop_centre: (2,) float64, image pixels.
        pixels_per_metre: of the network's picture of the hand, image pixels, > 0.
        vertices: (778, 3) float32.
        joints: (21, 3) float32, wrist, thumb 1-4, index 1-4, ... pinky 1-4.
        pixels: (21, 2) float64, where the network pictures these joints, image pixels.
        root_pose: (3,) float32, axis-angle.
        finger_pose: (45,) float32, axis-angle relative to MANO's mean pose.
        shape: (10,) float32.
    """

    side: HandSide
    confidence: float | None
    box: Float64Array
    crop_centre: Float64Array
    pixels_per_metre: float
    vertices: Float32Array
    joints: Float32Array
    pixels: Float64Array
    root_pose: Float32Array
    finger_pose: Float32Array
    shape: Float32Array

    def is_finite(self) -> bool:
        """Whether every number is one."""
        arrays = (getattr(self, name) for name in self.__slots__)
        return all(
            bool(np.isfinite(array).all()) for array in arrays if isinstance(array, np.ndarray)
        )


@dataclass(frozen=True, slots=True, eq=False)
class SeenHands:
    """Everything seen on one canvas.

    Attributes:
        hands: at most one of each side.
        relative: (3,) float64, left wrist minus right wrist, metres, axes of the camera; None
            unless both hands were read.
        square_centre: (2,) float64, middle of the square that ``relative`` was read in, image
            pixels; None without it.
    """

    hands: dict[HandSide, SeenHand]
    relative: Float64Array | None
    square_centre: Float64Array | None
