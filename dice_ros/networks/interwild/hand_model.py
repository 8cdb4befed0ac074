"""MANO as InterWild poses it: about a mean pose, joints regressed from the posed mesh. N hands."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from dice_ros.body.keypoint_regressors import keypoint_regressor
from dice_ros.body.mano_arrays import MANO_JOINTS
from dice_ros.body.mano_pair import ManoPair
from dice_ros.body.skinning import SkinnedBody, rotation_matrices
from dice_ros.networks.interwild.spaces import CROP_OVER_CELL, VIRTUAL_CENTRE, VIRTUAL_FOCAL
from dice_ros.types import HandSide

_NOT_ZERO = 1e-4


class PosedHand(NamedTuple):
    """A hand relative to its wrist, metres, axes of the camera (x right, y down, z away).

    Attributes:
        vertices: (N, 778, 3).
        joints: (N, 21, 3) wrist (zero), thumb 1-4, index 1-4, ... pinky 1-4.
    """

    vertices: Tensor
    joints: Tensor


class HandModel(nn.Module):
    """Poses hands of one side.

    Args:
        hands: both models; joints of either are regressed with the right hand's weights.
        side: which to pose.
    """

    mean_pose: Tensor
    joint_regressor: Tensor

    def __init__(self, hands: ManoPair, side: HandSide) -> None:
        super().__init__()
        hand = hands.of(side)
        arrays = hand.arrays
        self.body = SkinnedBody(
            template=arrays.template,
            shape_directions=arrays.shape_directions,
            pose_directions=arrays.pose_directions,
            joint_regressor=arrays.joint_regressor,
            weights=arrays.weights,
            parents=arrays.parents,
        )
        # A zero for the root, which has no mean.
        mean = torch.from_numpy(np.concatenate([np.zeros(3, np.float32), hand.mean_pose]))
        self.register_buffer("mean_pose", mean, persistent=False)
        regressor = torch.from_numpy(keypoint_regressor(hands.right.arrays))
        self.register_buffer("joint_regressor", regressor, persistent=False)

    def forward(self, root: Tensor, fingers: Tensor, shape: Tensor) -> PosedHand:
        """Pose.

        Args:
            root: (N, 3) axis-angle of the hand, radians.
            fingers: (N, 45) axis-angle of 15 joints, added to the mean pose as vectors.
            shape: (N, 10) betas.
        """
        pose = torch.cat([root, fingers], dim=1) + self.mean_pose
        vertices, _ = self.body(shape, rotation_matrices(pose.reshape(-1, MANO_JOINTS, 3)))
        joints = self.joint_regressor @ vertices  # (N, 21, 3)
        wrist = joints[:, :1]
        return PosedHand(vertices - wrist, joints - wrist)


def picture(points: Tensor) -> Tensor:
    """Points in the virtual camera of a crop (N, P, 3), metres -> (N, P, 2) cells."""
    flat = points[..., :2] / (points[..., 2:] + _NOT_ZERO)
    return (VIRTUAL_FOCAL * flat + VIRTUAL_CENTRE) / CROP_OVER_CELL


class Orthographic(NamedTuple):
    """An orthographic picture: pixels = focal x metres + centre, axis by axis.

    Attributes:
        focal: (N, 2) pixels per metre.
        centre: (N, 2) pixels of the origin.
    """

    focal: Tensor
    centre: Tensor


def orthographic_fit(points: Tensor, pixels: Tensor) -> Orthographic:
    """The picture in which points span what their pixels span.

    Args:
        points: (N, P, 3) metres.
        pixels: (N, P, 2). Not finite where all points share an x or y.
    """
    flat = points[..., :2]
    focal = (pixels.amax(dim=1) - pixels.amin(dim=1)) / (flat.amax(dim=1) - flat.amin(dim=1))
    return Orthographic(focal, (pixels - focal[:, None] * flat).mean(dim=1))
