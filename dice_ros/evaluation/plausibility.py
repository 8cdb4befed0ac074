"""Whether a hand touches a head and how far it goes through it, frame by frame.

Everything follows from the signed distances of the hand's vertices to the head's deformed surface
(:mod:`dice_ros.evaluation.signed_distance`). N frames, P hand vertices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dice_ros.types import BoolArray, Float64Array

LEAK_DEPTH_M = 0.05
"""Vertices at least this deep count as lying on the surface: the sign there is not trusted."""
TOLERATED_DEPTH_M = 0.005
"""Shallower penetration still counts as none."""
TOUCH_DISTANCE_M = 0.005
"""Hand and head touch if a vertex of the hand is this close to the surface, on either side."""


@dataclass(frozen=True, slots=True, eq=False)
class Plausibility:
    """What the distances of some frames say.

    Attributes:
        colliding: (N,) int64, vertices on or below the surface.
        deep: (N,) int64, vertices at least :data:`TOLERATED_DEPTH_M` below it.
        collision_mm: (N,) float64, mean depth over **all** vertices of the hand, 0 for those
            outside: the frame's share of Col. Dist.
        touching: (N,) bool.
    """

    colliding: NDArray[np.int64]
    deep: NDArray[np.int64]
    collision_mm: Float64Array
    touching: BoolArray


def plausibility(signed_distance: NDArray[np.floating]) -> Plausibility:
    """Judge frames.

    Args:
        signed_distance: (N, P) metres, >= 0 inside the head.
    """
    depth = np.where(signed_distance >= LEAK_DEPTH_M, 0.0, signed_distance)
    colliding = depth >= 0.0
    return Plausibility(
        colliding=colliding.sum(axis=1),
        deep=(depth >= TOLERATED_DEPTH_M).sum(axis=1),
        collision_mm=1e3 * np.where(colliding, depth, 0.0).sum(axis=1) / depth.shape[1],
        touching=np.asarray((np.abs(depth) <= TOUCH_DISTANCE_M).any(axis=1)),
    )
