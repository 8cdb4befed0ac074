"""What the estimator keeps of a person from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from dice_ros.estimators.landmark_fit.gap_filter import GapFilter
from dice_ros.estimators.landmark_fit.hand_fit import HandFit, ScalePrior
from dice_ros.estimators.landmark_fit.head_fit import IDENTITY_COUNT, HeadFit, IdentityPrior
from dice_ros.estimators.landmark_fit.smoothing import HandSmoother, HeadSmoother
from dice_ros.perception.rigid_flow import View
from dice_ros.types import Float64Array, HandSide

_IDENTITY_FRAMES = 30
_IDENTITY_PRECISION_PER_FRAME = 4.0
_POPULATION_SCALE_SIGMA = 0.05
_FRAME_SCALE_SIGMA = 0.35
_SCALE_SIGMA_MIN = 0.02
_FIT_SCALE_SIGMA_MAX = 0.04


class IdentityAverage:
    """Running average of a person's identity coefficients.

    One frame says little about the shape of a head; thirty from slightly different sides say more.
    The prior on the coefficients tightens around their average until they are as good as frozen.
    """

    def __init__(self) -> None:
        self._mean: Float64Array = np.zeros(IDENTITY_COUNT)
        self._frames = 0

    @property
    def prior(self) -> IdentityPrior:
        """Prior for the next frame."""
        if not self._frames:
            return IdentityPrior.population()
        return IdentityPrior(self._mean, 1.0 + _IDENTITY_PRECISION_PER_FRAME * self._frames)

    @property
    def is_personal(self) -> bool:
        """Whether anything was learned about this person."""
        return self._frames > 0

    def learn(self, betas: Float64Array) -> None:
        """Add one frame's coefficients (40,)."""
        self._frames = min(self._frames + 1, _IDENTITY_FRAMES)
        self._mean = self._mean + (betas - self._mean) / self._frames


class HandScaleAverage:
    """What touching frames say about the size of a person's hands, as a normal distribution.

    A hand that touches the face has the face's depth, so its size is measured; the frames of one
    touch share their error, hence the large standard deviation of each.
    """

    def __init__(self) -> None:
        self._mean = 0.0
        self._precision = _POPULATION_SCALE_SIGMA**-2
        self.is_personal = False

    @property
    def prior(self) -> ScalePrior:
        """Prior on the logarithm of the hand's size for the next fit."""
        sigma = min(self._precision**-0.5, _FIT_SCALE_SIGMA_MAX)
        return ScalePrior(self._mean, sigma)

    def learn(self, log_scale: float, weight: float) -> None:
        """Add one touching frame; ``weight`` 0..1 is how sure the touch is."""
        self.is_personal = True
        if self._precision**-0.5 <= _SCALE_SIGMA_MIN:
            self._precision *= 0.98
        added = weight * _FRAME_SCALE_SIGMA**-2
        self._precision += added
        self._mean += (log_scale - self._mean) * added / self._precision


@dataclass
class HandMemory:
    """State of one tracked hand."""

    track_id: int
    fit: HandFit
    smoother: HandSmoother
    gap: GapFilter = field(default_factory=GapFilter)
    view: View | None = None


@dataclass
class PersonMemory:
    """State of one tracked person."""

    identity: IdentityAverage = field(default_factory=IdentityAverage)
    hand_scale: HandScaleAverage = field(default_factory=HandScaleAverage)
    head_fit: HeadFit | None = None
    head_smoother: HeadSmoother = field(default_factory=HeadSmoother)
    hands: dict[HandSide, HandMemory] = field(default_factory=dict)
    face_view: View | None = None
