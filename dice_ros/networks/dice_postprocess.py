"""From DICE's numbers to meshes: bodies, centring, deformation, the crop's own projection.

Everything is given in the crop frame: metres, x right, y down, z away from the camera, origin at
the mean vertex of the undeformed head. B crops.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from dice_ros.body.flame import FlameHead, FlameParameters
from dice_ros.body.flame_arrays import FlameArrays
from dice_ros.body.mano import ManoHand, ManoParameters
from dice_ros.body.mano_arrays import STANDARD_ORDER, ManoArrays
from dice_ros.networks.dice import DiceOutput

_CAMERA_SCALE = 10.0


class WeakPerspective(NamedTuple):
    """The network's camera: pixels of the crop = scale x metres + shift.

    Attributes:
        scale: (B,) pixels per metre, >= 0.
        shift: (B, 2) crop pixels of the origin.
    """

    scale: Tensor
    shift: Tensor

    def project(self, points: Tensor) -> Tensor:
        """(B, N, 3) metres, crop frame -> (B, N, 2) crop pixels (orthographic)."""
        return self.scale[:, None, None] * points[..., :2] + self.shift[:, None]


class DiceMeshes(NamedTuple):
    """Meshes of a batch of crops, centred on the undeformed head.

    Attributes:
        camera: projection into the crop.
        head: (B, 5023, 3) undeformed.
        deformation: (B, 5023, 3) our sign: deformed = head + deformation; zero on the neck
            unless it deforms too.
        landmarks: (B, 68, 3) of the undeformed head.
        hand: (B, 778, 3).
        joints: (B, 21, 3) wrist, thumb 1-4, index 1-4, ... pinky 1-4.
    """

    camera: WeakPerspective
    head: Tensor
    deformation: Tensor
    landmarks: Tensor
    hand: Tensor
    joints: Tensor


class FreeMeshes(NamedTuple):
    """Vertices that the network placed freely, not centred.

    Attributes:
        head: (B, 5023, 3) undeformed.
        landmarks: (B, 68, 3).
        hand: (B, 778, 3).
        joints: (B, 21, 3) wrist, thumb 1-4, index 1-4, ... pinky 1-4.
    """

    head: Tensor
    landmarks: Tensor
    hand: Tensor
    joints: Tensor


class DicePostprocess(nn.Module):
    """Poses the bodies and brings everything to the crop frame.

    Args:
        flame, mano: body models.
        parametric: pose FLAME and MANO with the IKNets' parameters (as published); False takes
            the vertices that the network placed freely.
        neck_deforms: leave the deformation of the neck as the network gives it.
    """

    movable: Tensor
    joint_order: Tensor

    def __init__(
        self,
        flame: FlameArrays,
        mano: ManoArrays,
        *,
        parametric: bool = True,
        neck_deforms: bool = False,
    ) -> None:
        super().__init__()
        self.head = FlameHead(flame)
        self.hand = ManoHand(mano)
        self._parametric = parametric
        movable = torch.ones(len(flame.template), 1)
        if not neck_deforms:
            movable[torch.from_numpy(flame.neck).long()] = 0.0
        self.register_buffer("movable", movable, persistent=False)
        # A tensor: numbers would be copied to the device for every batch.
        order = torch.from_numpy(np.array(STANDARD_ORDER))
        self.register_buffer("joint_order", order, persistent=False)

    def forward(self, output: DiceOutput) -> DiceMeshes:
        """Meshes of every crop; nothing is thresholded here."""
        head, hand = output.head, output.hand
        return self.meshes(
            output.camera,
            head.parameters,
            hand.parameters,
            deformation=head.deformation,
            free=FreeMeshes(head.vertices, head.landmarks, hand.vertices, hand.joints),
        )

    def meshes(
        self,
        camera: Tensor,
        flame: FlameParameters,
        mano: ManoParameters,
        *,
        deformation: Tensor,
        free: FreeMeshes | None,
    ) -> DiceMeshes:
        """The same from its parts.

        Args:
            camera: (B, 3) the camera head's numbers.
            flame, mano: what the IKNets say.
            deformation: (B, 5023, 3) the published sign.
            free: the network's own meshes; None if they are parametric.
        """
        if free is None or self._parametric:
            head, landmarks = self.head(flame)
            hand, joints = self.hand(mano)
            joints = joints[:, self.joint_order]
        else:
            head, landmarks, hand, joints = free
        centre = head.mean(dim=1, keepdim=True)
        return DiceMeshes(
            camera=weak_perspective(camera),
            head=head - centre,
            # The published field points the other way: it is subtracted from the head.
            deformation=-deformation * self.movable,
            landmarks=landmarks - centre,
            hand=hand - centre,
            joints=joints - centre,
        )


def weak_perspective(camera: Tensor) -> WeakPerspective:
    """The camera head's three numbers: (B, 3) -> pixels per metre and the origin's pixel."""
    return WeakPerspective(_CAMERA_SCALE * camera[:, 0].abs(), camera[:, 1:])
