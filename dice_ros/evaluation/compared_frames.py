"""What is compared: meshes of a method and the truth, in FLAME's and MANO's topology. N frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dice_ros.body.flame_arrays import FACE_LANDMARKS, FLAME_VERTICES
from dice_ros.body.mano_arrays import MANO_VERTICES
from dice_ros.types import BoolArray

HAND_JOINTS = 21
HEAD_SHAPE, HAND_SHAPE = (FLAME_VERTICES, 3), (MANO_VERTICES, 3)
LANDMARKS_SHAPE, JOINTS_SHAPE = (FACE_LANDMARKS, 3), (HAND_JOINTS, 3)


@dataclass(frozen=True, slots=True, eq=False)
class TrueFrames:
    """The truth, metres, axes of the camera, any origin common to head and hand.

    Attributes:
        head: (N, 5023, 3) undeformed.
        deformation: (N, 5023, 3) deformed minus undeformed.
        hand: (N, 778, 3).
        landmarks: (N, 68, 3) of the undeformed head.
        joints: (N, 21, 3) wrist, thumb 1-4, index 1-4, ... pinky 1-4; tips as MANO's in
            :class:`dice_ros.body.mano.ManoMesh`.
        head_contact: (N, 5023) bool.
        hand_contact: (N, 778) bool.
    """

    head: NDArray[np.floating]
    deformation: NDArray[np.floating]
    hand: NDArray[np.floating]
    landmarks: NDArray[np.floating]
    joints: NDArray[np.floating]
    head_contact: BoolArray
    hand_contact: BoolArray

    def __len__(self) -> int:
        return len(self.head)

    def rows(self, wanted: slice | Sequence[int]) -> TrueFrames:
        """Some of the frames."""
        return TrueFrames(
            *(self.head[wanted], self.deformation[wanted], self.hand[wanted]),
            *(self.landmarks[wanted], self.joints[wanted]),
            head_contact=self.head_contact[wanted],
            hand_contact=self.hand_contact[wanted],
        )

    @property
    def any_contact(self) -> BoolArray:
        """(N,) bool, whether anything is labelled as touching."""
        return np.asarray(self.head_contact.any(axis=1) | self.hand_contact.any(axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class FoundFrames:
    """What a method says about the same frames; None where it says nothing.

    Attributes:
        head, deformation, hand: as in :class:`TrueFrames`.
        landmarks, joints: as there.
        head_contact: (N, 5023) probability.
        hand_contact: (N, 778) probability.
        presence: (N,) probability that hand and face touch.
        seconds: (N,) run time.
    """

    head: NDArray[np.floating]
    deformation: NDArray[np.floating]
    hand: NDArray[np.floating]
    landmarks: NDArray[np.floating] | None = None
    joints: NDArray[np.floating] | None = None
    head_contact: NDArray[np.floating] | None = None
    hand_contact: NDArray[np.floating] | None = None
    presence: NDArray[np.floating] | None = None
    seconds: NDArray[np.floating] | None = None

    def __len__(self) -> int:
        return len(self.head)
