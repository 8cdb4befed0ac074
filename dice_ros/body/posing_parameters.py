"""What a head and a hand are posed with. N bodies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class BodyParameters:
    """Parameters of a head and a right hand in one frame of reference; metres, radians.

    Attributes:
        head_betas: (N, 100); head_expression: (N, 50).
        head_pose: (N, 6) turn about the neck's root, jaw.
        head_rotation: (N, 3) second turn, about the centroid; head_transl: (N, 3) after it.
        hand_betas: (N, 10); hand_rotation: (N, 3); hand_pose: (N, 45); hand_transl: (N, 3).
    """

    head_betas: NDArray[np.floating]
    head_expression: NDArray[np.floating]
    head_pose: NDArray[np.floating]
    head_rotation: NDArray[np.floating]
    head_transl: NDArray[np.floating]
    hand_betas: NDArray[np.floating]
    hand_rotation: NDArray[np.floating]
    hand_pose: NDArray[np.floating]
    hand_transl: NDArray[np.floating]
