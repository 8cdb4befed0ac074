"""FLAME heads and MANO hands from parameters, arrays in and arrays out. N bodies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dice_ros.body.flame import FlameHead, FlameParameters
from dice_ros.body.flame_arrays import FlameArrays
from dice_ros.body.mano import ManoHand, ManoParameters
from dice_ros.body.mano_arrays import STANDARD_ORDER, ManoArrays
from dice_ros.body.posing_parameters import BodyParameters
from dice_ros.types import Float32Array


@dataclass(frozen=True, slots=True, eq=False)
class PosedBodies:
    """Meshes in the frame of reference of their parameters, metres.

    Attributes:
        head: (N, 5023, 3) float32, undeformed.
        landmarks: (N, 68, 3) float32, on it.
        hand: (N, 778, 3) float32.
        joints: (N, 21, 3) float32, wrist, thumb 1-4, index 1-4, ... pinky 1-4.
    """

    head: Float32Array
    landmarks: Float32Array
    hand: Float32Array
    joints: Float32Array


class BodyPoser:
    """Poses heads and hands on the CPU.

    Args:
        flame, mano: body models.
    """

    def __init__(self, flame: FlameArrays, mano: ManoArrays) -> None:
        self._head, self._hand = FlameHead(flame), ManoHand(mano)

    @torch.inference_mode()
    def pose(self, wanted: BodyParameters) -> PosedBodies:
        """Meshes of N sets of parameters."""
        head = self._head(
            FlameParameters(
                betas=_tensor(wanted.head_betas),
                expression=_tensor(wanted.head_expression),
                pose=_tensor(wanted.head_pose),
                rotation=_tensor(wanted.head_rotation),
                transl=_tensor(wanted.head_transl),
            )
        )
        hand = self._hand(
            ManoParameters(
                betas=_tensor(wanted.hand_betas),
                transl=_tensor(wanted.hand_transl),
                global_orient=_tensor(wanted.hand_rotation),
                hand_pose=_tensor(wanted.hand_pose),
            )
        )
        return PosedBodies(
            head=head.vertices.numpy(),
            landmarks=head.landmarks.numpy(),
            hand=hand.vertices.numpy(),
            joints=hand.joints[:, STANDARD_ORDER].numpy(),
        )


def _tensor(values: NDArray[np.floating]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
