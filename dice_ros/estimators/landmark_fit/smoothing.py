"""Smoothing fits over time with One-Euro filters driven by image stamps.

Places are filtered as viewing direction and log depth, because the picture gives the direction
well and the depth badly; each then gets the smoothing that its own speed calls for.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from dice_ros.estimators.landmark_fit.hand_fit import HandFit
from dice_ros.estimators.landmark_fit.head_fit import HeadFit
from dice_ros.perception.one_euro import OneEuroFilter, OneEuroRotationFilter
from dice_ros.settings import Settings
from dice_ros.types import Float64Array, Pose


class _PlaceFilter:
    """Filters a position as (x / z, y / z, log z) and a rotation."""

    def __init__(self) -> None:
        self._position = OneEuroFilter()
        self._rotation = OneEuroRotationFilter()

    def smooth(
        self, rotation: Float64Array, position: Float64Array, stamp_ns: int, settings: Settings
    ) -> Pose:
        cutoff, beta = settings.smoothing_min_cutoff_hz, settings.smoothing_beta
        x, y, z = position
        direction = self._position.smooth(
            np.array([x / z, y / z, np.log(z)]), stamp_ns, cutoff, beta
        )
        depth = np.exp(direction[2])
        placed = np.array([direction[0] * depth, direction[1] * depth, depth])
        return Pose(self._rotation.smooth(rotation, stamp_ns, cutoff, beta), placed)


class HeadSmoother:
    """Smooths pose and expression of one head; identity is averaged elsewhere."""

    def __init__(self) -> None:
        self._place = _PlaceFilter()
        self._expression = OneEuroFilter()

    def smooth(self, fit: HeadFit, stamp_ns: int, settings: Settings) -> HeadFit:
        """The fit with smoothed pose and expression."""
        pose = self._place.smooth(fit.pose.rotation, fit.pose.translation, stamp_ns, settings)
        expression = self._expression.smooth(
            fit.expression, stamp_ns, settings.smoothing_min_cutoff_hz, settings.smoothing_beta
        )
        return dataclasses.replace(fit, pose=pose, expression=expression)


class HandSmoother:
    """Smooths place and joint angles of one hand."""

    def __init__(self) -> None:
        self._place = _PlaceFilter()
        self._angles = OneEuroFilter()

    def smooth(self, fit: HandFit, stamp_ns: int, settings: Settings) -> HandFit:
        """The fit with smoothed place and angles."""
        pose = self._place.smooth(fit.rotation, fit.translation, stamp_ns, settings)
        angles = self._angles.smooth(
            fit.angles, stamp_ns, settings.smoothing_min_cutoff_hz, settings.smoothing_beta
        )
        return dataclasses.replace(
            fit, rotation=pose.rotation, translation=pose.translation, angles=angles
        )
