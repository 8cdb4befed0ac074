"""The gap between hand and face over time, from a level that is vague and a change that is exact.

A single image gives the log ratio of :mod:`dice_ros.estimators.landmark_fit.depth_slide` with an
error of several centimetres that depends on the hand's pose and changes with it. From image to
image the growth of the pictures of hand and face (:mod:`dice_ros.perception.rigid_flow`) gives its
change to a few millimetres. So the ratio moves with that change, and is drawn slowly to the level.
"""

from __future__ import annotations

import numpy as np

_LEVEL_S = 1.0
_LOST_S = 0.25
_GAP_MAX_NS = 500_000_000
_S = 1_000_000_000


class GapFilter:
    """Follows the log ratio of one hand, and its uncertainty."""

    def __init__(self) -> None:
        self.log_ratio = float("nan")
        self.sigma = 0.0
        self._start_ns = self._stamp_ns = 0

    def follow(
        self, log_ratio: float, sigma: float, change: float | None, stamp_ns: int
    ) -> tuple[float, float]:
        """Go on to the next image.

        Args:
            log_ratio: what this image says alone; NaN (no overlap) forgets everything.
            sigma: standard deviation of the hand's log depth, what this image says.
            change: of the log ratio since the last image; None if it is not known.
            stamp_ns: stamp of the image.

        Returns:
            Log ratio and sigma.
        """
        passed_ns = stamp_ns - self._stamp_ns
        if not (np.isfinite(self.log_ratio) and 0 <= passed_ns <= _GAP_MAX_NS):
            self.log_ratio, self.sigma, self._start_ns = log_ratio, sigma, stamp_ns
        else:
            passed_s, age_s = passed_ns / _S, (stamp_ns - self._start_ns) / _S
            share = 1.0 - float(np.exp(-passed_s / (_LOST_S if change is None else _LEVEL_S)))
            if passed_s > 0.0:
                # The first images are averaged: one of them is no better a level than another.
                share = max(share, passed_s / (age_s + passed_s))
            moved = self.log_ratio + (change or 0.0)
            self.log_ratio = moved + share * (log_ratio - moved)
            self.sigma += share * (sigma - self.sigma)
        self._stamp_ns = stamp_ns
        return self.log_ratio, self.sigma
