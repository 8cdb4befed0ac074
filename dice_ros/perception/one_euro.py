"""One-Euro filters driven by image stamps (Casiez, Roussel, Vogel 2012).

A first-order low-pass filter whose cut-off frequency rises with the speed of the signal: steady at
rest, quick in motion. With time step dt and cut-off f, the smoothing factor is
r / (r + 1), r = 2 pi f dt. The speed itself is low-passed at a fixed cut-off.
"""

from __future__ import annotations

import numpy as np

from dice_ros.body.rotation import axis_angle_from_matrix, matrix_from_axis_angle
from dice_ros.types import Float64Array

RESET_GAP_NS = 1_000_000_000
"""After a longer silence the filter starts anew."""

_SPEED_CUTOFF_HZ = 1.0


def smoothing_factor(cutoff_hz: float, step_s: float) -> float:
    """Weight of the newest sample, 0..1."""
    ratio = 2.0 * np.pi * cutoff_hz * step_s
    return float(ratio / (ratio + 1.0))


class OneEuroFilter:
    """Filters a vector; the speed that sets the cut-off is the norm of its rate of change.

    The first sample passes unchanged; so does the first one after a stamp that went back or a gap
    longer than :data:`RESET_GAP_NS`. A repeated stamp gives the last output.
    """

    def __init__(self) -> None:
        self._value: Float64Array | None = None
        self._rate: Float64Array = np.zeros(0)
        self._stamp_ns = 0

    def smooth(
        self, values: Float64Array, stamp_ns: int, min_cutoff_hz: float, beta: float
    ) -> Float64Array:
        """Add a sample and return the filtered vector.

        Args:
            values: (N,) sample; N must not change.
            stamp_ns: time of the sample.
            min_cutoff_hz: cut-off at rest.
            beta: Hz of cut-off for each unit per second of speed.
        """
        step_ns = stamp_ns - self._stamp_ns
        if self._value is None or step_ns < 0 or step_ns > RESET_GAP_NS:
            self._value, self._rate = values.copy(), np.zeros_like(values)
            self._stamp_ns = stamp_ns
            return self._value
        if step_ns == 0:
            return self._value
        step_s = 1e-9 * step_ns
        rate = (values - self._value) / step_s
        self._rate = self._rate + smoothing_factor(_SPEED_CUTOFF_HZ, step_s) * (rate - self._rate)
        cutoff = min_cutoff_hz + beta * float(np.linalg.norm(self._rate))
        self._value = self._value + smoothing_factor(cutoff, step_s) * (values - self._value)
        self._stamp_ns = stamp_ns
        return self._value


class OneEuroRotationFilter:
    """The same for rotations: differences are axis-angle vectors, speeds angular velocities."""

    def __init__(self) -> None:
        self._value: Float64Array | None = None
        self._rate: Float64Array = np.zeros(3)
        self._stamp_ns = 0

    def smooth(
        self, rotation: Float64Array, stamp_ns: int, min_cutoff_hz: float, beta: float
    ) -> Float64Array:
        """Add a (3, 3) rotation and return the filtered one."""
        step_ns = stamp_ns - self._stamp_ns
        if self._value is None or step_ns < 0 or step_ns > RESET_GAP_NS:
            self._value, self._rate = rotation.copy(), np.zeros(3)
            self._stamp_ns = stamp_ns
            return self._value
        if step_ns == 0:
            return self._value
        step_s = 1e-9 * step_ns
        turn = axis_angle_from_matrix(rotation @ self._value.T)
        rate = turn / step_s
        self._rate = self._rate + smoothing_factor(_SPEED_CUTOFF_HZ, step_s) * (rate - self._rate)
        cutoff = min_cutoff_hz + beta * float(np.linalg.norm(self._rate))
        self._value = matrix_from_axis_angle(smoothing_factor(cutoff, step_s) * turn) @ self._value
        self._stamp_ns = stamp_ns
        return self._value
