"""Whether two hands are at each other: a switch that does not flicker.

The published demo calls hands interacting while their boxes overlap at all, which comes and goes at
touching distance. Here overlapping begins it, and it lasts until boxes widened by a quarter are
apart.
"""

from __future__ import annotations

import numpy as np

from dice_ros.box_overlap import overlap
from dice_ros.types import Float64Array

_WIDENED = 1.25


def interact(first: Float64Array, second: Float64Array, *, before: bool) -> bool:
    """Whether two hands interact now.

    Args:
        first, second: (4,) x1, y1, x2, y2 of the hands' boxes, any pixels.
        before: whether they did in the frame before.
    """
    if before:
        first, second = _widened(first), _widened(second)
    return bool(overlap(first, second) > 0.0)


def _widened(box: Float64Array) -> Float64Array:
    centre, half = (box[:2] + box[2:]) / 2, _WIDENED * (box[2:] - box[:2]) / 2
    return np.concatenate([centre - half, centre + half])
