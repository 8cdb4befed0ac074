"""Similarity transforms: turn, scale, move."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dice_ros.body.rotation import align_points
from dice_ros.types import Float64Array


@dataclass(frozen=True, slots=True, eq=False)
class Similarity:
    """``target = scale * rotation @ source + translation``.

    Attributes:
        rotation: (3, 3) float64.
        scale: > 0.
        translation: (3,) float64, units of the target.
    """

    rotation: Float64Array
    scale: float
    translation: Float64Array

    def apply(self, points: Float64Array) -> Float64Array:
        """Points (N, 3) of the source in the target's frame."""
        return np.asarray(self.scale * points @ self.rotation.T + self.translation)


def align_similarity(source: Float64Array, target: Float64Array) -> Similarity:
    """The similarity that brings ``source`` closest to ``target`` (Umeyama 1991).

    Args:
        source, target: (N, 3), same order, N >= 3, not all on one line.
    """
    R = align_points(source, target)
    from_centre, to_centre = source.mean(axis=0), target.mean(axis=0)
    turned = (source - from_centre) @ R.T
    scale = float(np.sum(turned * (target - to_centre)) / np.sum(turned**2))
    return Similarity(R, scale, to_centre - scale * R @ from_centre)
