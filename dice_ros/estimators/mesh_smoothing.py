"""Smoothing meshes over time with One-Euro filters driven by image stamps.

A mesh is its centre and its shape around it. The centre is filtered as viewing direction and log
depth, the shape vertex by vertex under one cut-off that follows the root mean square speed of all
vertices. Hands are filtered around the head's centre, so that touch is nearly
kept; their cut-offs are their own.
"""

from __future__ import annotations

import numpy as np

from dice_ros.perception.one_euro import OneEuroFilter
from dice_ros.settings import Settings
from dice_ros.types import Float64Array


class CentreFilter:
    """Filters a position in the camera frame."""

    def __init__(self) -> None:
        self._filter = OneEuroFilter()

    def smooth(self, centre: Float64Array, stamp_ns: int, settings: Settings) -> Float64Array:
        """(3,) metres, cam, z > 0 -> (3,) smoothed."""
        x, y, z = centre
        smoothed = self._filter.smooth(
            np.array([x / z, y / z, np.log(z)]),
            stamp_ns,
            settings.smoothing_min_cutoff_hz,
            settings.smoothing_beta,
        )
        depth = np.exp(smoothed[2])
        return np.array([smoothed[0] * depth, smoothed[1] * depth, depth])


class ShapeFilter:
    """Filters points relative to a centre; their number must not change."""

    def __init__(self) -> None:
        self._filter = OneEuroFilter()

    def smooth(self, points: Float64Array, stamp_ns: int, settings: Settings) -> Float64Array:
        """(N, 3) metres -> (N, 3) smoothed."""
        # Scaled so that the norm the filter looks at is the root mean square over the points.
        scale = np.sqrt(len(points))
        smoothed = self._filter.smooth(
            points.ravel() / scale,
            stamp_ns,
            settings.smoothing_min_cutoff_hz,
            settings.smoothing_beta,
        )
        return np.asarray(smoothed.reshape(-1, 3) * scale)
