"""SHNet: one hand, always a right one, from its crop; one set of weights for both. B crops.

PositionNet reads 2.5D joints off heatmaps; RotationNet reads MANO's rotations from the features at
those joints, and shape and place from the mean feature.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from dice_ros.networks.interwild.heatmaps import sample, soft_argmax
from dice_ros.networks.interwild.spaces import CROP_SIDE, HAND_CELLS, HAND_JOINTS, VIRTUAL_FOCAL
from dice_ros.networks.resnet import ResNet, ResNetConfig

FINGER_JOINTS = 15
_SHAPES = 10
_HAND_EXTENT_M = 0.6
FARTHEST_M = math.sqrt(VIRTUAL_FOCAL**2 * _HAND_EXTENT_M**2 / CROP_SIDE**2)
"""Where 0.6 m fill the crop: the virtual depth of a hand is a share of it."""


class HandReading(NamedTuple):
    """What the network says about crops; mirrored crops are still mirrored.

    Attributes:
        joints: (B, 21, 3) x, y, z in cells of the 8 x 8 x 8 heatmap: wrist, thumb 1-4, index 1-4,
            ... pinky 1-4.
        root: (B, 6) rotation of the hand, six numbers.
        fingers: (B, 15, 6) rotations of the joints in MANO's order, relative to the mean pose.
        shape: (B, 10) betas.
        place: (B, 3) metres, wrist in the crop's virtual camera.
    """

    joints: Tensor
    root: Tensor
    fingers: Tensor
    shape: Tensor
    place: Tensor


class HandNet(nn.Module):
    """Backbone and both heads.

    Args:
        backbone: size of the feature network.
        pose_width: features that a joint's rotation is read from.
    """

    def __init__(self, backbone: ResNetConfig, pose_width: int) -> None:
        super().__init__()
        self.backbone = ResNet(backbone)
        self.position = PositionNet(backbone.out_channels)
        self.rotation = RotationNet(backbone.out_channels, pose_width)

    def forward(self, crops: Tensor) -> HandReading:
        """(B, 3, 256, 256) RGB 0..1 -> readings."""
        features = self.backbone(crops)
        joints = self.position(features)
        # As trained: rotations must not move the joints they are read at.
        reading: HandReading = self.rotation(features, joints.detach())
        return reading._replace(joints=joints)


class PositionNet(nn.Module):
    """Features to 2.5D joints."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, HAND_JOINTS * HAND_CELLS, kernel_size=1)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, 8, 8) -> (B, 21, 3) cells."""
        # Channels: depth runs fastest.
        volume = self.conv(features).unflatten(1, (HAND_JOINTS, HAND_CELLS))
        return soft_argmax(volume)


class RotationNet(nn.Module):
    """Features and joints to MANO's parameters and the place of the wrist."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(channels, width, kernel_size=1), nn.BatchNorm2d(width), nn.ReLU(inplace=True)
        )
        flat = HAND_JOINTS * (width + 3)
        self.root = nn.Linear(flat, 6)
        self.fingers = nn.Linear(flat, 6 * FINGER_JOINTS)
        self.shape = nn.Linear(channels, _SHAPES)
        self.camera = nn.Linear(channels, 3)

    def forward(self, features: Tensor, joints: Tensor) -> HandReading:
        """(B, C, 8, 8), (B, 21, 3) cells -> readings with these joints."""
        mean = features.mean(dim=(2, 3))
        at_joints = sample(self.features(features), joints[..., :2])  # (B, 21, width)
        flat = torch.cat([at_joints, joints], dim=2).flatten(1)
        across, down, depth = self.camera(mean).unbind(dim=1)
        return HandReading(
            joints=joints,
            root=self.root(flat),
            fingers=self.fingers(flat).reshape(-1, FINGER_JOINTS, 6),
            shape=self.shape(mean),
            place=torch.stack([across, down, FARTHEST_M * depth.sigmoid()], dim=1),
        )
