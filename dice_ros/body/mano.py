"""The MANO right hand with DICE's conventions. B hands.

A left hand is the mirror image of a right one (mirrored crop in, mirrored mesh out).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from dice_ros.body.mano_arrays import MANO_JOINTS, ManoArrays
from dice_ros.body.skinning import SkinnedBody, rotation_matrices

_TIPS = (744, 320, 443, 554, 671)
"""Vertices at the tips of thumb, index, middle, ring, pinky."""
_BEFORE_TIPS = (15, 3, 6, 12, 9)
"""Joints before them."""
_TIP_SHARE = 0.7
"""Tips sit on the skin; DICE's joints lie inside, this far from the last joint to the skin."""


class ManoParameters(NamedTuple):
    """Parameters of the right MANO hand.

    Attributes:
        betas: (B, 10).
        transl: (B, 3) metres.
        global_orient: (B, 3) axis-angle, radians.
        hand_pose: (B, 45) axis-angle of 15 joints, radians; flat hand, no PCA.
    """

    betas: Tensor
    transl: Tensor
    global_orient: Tensor
    hand_pose: Tensor


class ManoMesh(NamedTuple):
    """A posed hand.

    Attributes:
        vertices: (B, 778, 3) metres.
        joints: (B, 21, 3) metres: the 16 joints in MANO's order, then the tips of thumb, index,
            middle, ring, pinky, shortened. :data:`dice_ros.body.mano_arrays.STANDARD_ORDER`
            reorders them.
    """

    vertices: Tensor
    joints: Tensor


class ManoHand(nn.Module):
    """Poses right MANO hands."""

    tips: Tensor
    before_tips: Tensor

    def __init__(self, arrays: ManoArrays) -> None:
        super().__init__()
        self.body = SkinnedBody(
            template=arrays.template,
            shape_directions=arrays.shape_directions,
            pose_directions=arrays.pose_directions,
            joint_regressor=arrays.joint_regressor,
            weights=arrays.weights,
            parents=arrays.parents,
        )
        # Tensors: numbers would be copied to the device for every batch.
        for name, vertices in (("tips", _TIPS), ("before_tips", _BEFORE_TIPS)):
            self.register_buffer(name, torch.from_numpy(np.array(vertices)), persistent=False)

    def forward(self, parameters: ManoParameters) -> ManoMesh:
        """Shape and pose about the wrist, then shift."""
        pose = torch.cat([parameters.global_orient, parameters.hand_pose], dim=1)
        vertices, joints = self.body(
            parameters.betas, rotation_matrices(pose.reshape(-1, MANO_JOINTS, 3))
        )
        shift = parameters.transl[:, None]
        vertices, joints = vertices + shift, joints + shift
        last = joints[:, self.before_tips]
        tips = last + _TIP_SHARE * (vertices[:, self.tips] - last)
        return ManoMesh(vertices, torch.cat([joints, tips], dim=1))
