"""Does the hand touch the face? A decision from one number that the picture gives badly.

A single camera measures the gap between hand and face only through their sizes. The contact ratio
of :mod:`dice_ros.estimators.landmark_fit.depth_slide` is near 1 (or below, when the hand came out
too far) for touching hands and above it for hovering ones, with an error of several centimetres
that depends on how well the hand's size is determined. The probability is a logistic function of
the logarithm of that ratio in units of its uncertainty.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dice_ros.types import TouchDecision


@dataclass(frozen=True, slots=True)
class TouchModel:
    """Coefficients of the touch probability, fitted by ``bench/truth.py --fit``.

    Attributes:
        offset: logit at a log ratio of zero for a perfectly measured hand.
        slope: change of the logit for each standard deviation of log ratio.
        base_sigma: uncertainty of the log ratio that every hand has.
        sigma_gain: weight of the hand fit's own depth uncertainty.
        uncertain_above, contact_above: probabilities that bound the decisions.
    """

    offset: float = 0.895
    slope: float = 0.634
    base_sigma: float = 0.02
    sigma_gain: float = 1.0
    uncertain_above: float = 0.35
    contact_above: float = 0.5

    def probability(self, log_ratio: float, depth_sigma: float) -> float:
        """Probability 0..1 that the hand touches.

        Args:
            log_ratio: logarithm of the contact ratio; NaN (no overlap) gives 0.
            depth_sigma: standard deviation of the hand's log depth.
        """
        if not np.isfinite(log_ratio):
            return 0.0
        sigma = float(np.hypot(self.base_sigma, self.sigma_gain * depth_sigma))
        logit = np.clip(self.offset - self.slope * log_ratio / sigma, -30.0, 30.0)
        return float(1.0 / (1.0 + np.exp(-logit)))

    def decide(self, probability: float, overlap: float) -> TouchDecision:
        """Turn a probability into a decision."""
        if overlap <= 0.0:
            return TouchDecision.NO_OVERLAP
        if probability >= self.contact_above:
            return TouchDecision.CONTACT
        if probability >= self.uncertain_above:
            return TouchDecision.UNCERTAIN
        return TouchDecision.NO_CONTACT
