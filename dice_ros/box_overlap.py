"""How much boxes overlap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dice_ros.types import Float64Array

_TINY_AREA = 1e-5


def overlap(first: NDArray[np.floating], second: NDArray[np.floating]) -> Float64Array:
    """Intersection over union; zero for empty boxes.

    Args:
        first, second: (..., 4) x1, y1, x2, y2; broadcast against each other.

    Returns:
        (...) float64, 0..1.
    """
    corner = np.maximum(first[..., :2], second[..., :2])
    opposite = np.minimum(first[..., 2:], second[..., 2:])
    shared = np.maximum(opposite - corner, 0.0).prod(axis=-1)
    areas = [(box[..., 2:] - box[..., :2]).prod(axis=-1) for box in (first, second)]
    return np.asarray(shared / (areas[0] + areas[1] - shared + _TINY_AREA), dtype=np.float64)
