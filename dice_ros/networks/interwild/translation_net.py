"""TransNet: where the left wrist is, seen from the right one, from the joints of both hands alone.

No picture enters, only geometry: both hands' 2.5D joints in one common square, drawn as Gaussians
into a volume of 64 x 64 x 64 cells for each joint. Depth is relative to each hand's own wrist. The
published network computes 2688 heatmaps of 64 x 64 (44 MB) and convolves them; but a Gaussian is a
product of three one-dimensional ones, so the convolution is

    out[o, y, x] = bias + sum over j, a, b of K[o, j, a, b] gy[j, y + a - 1] gx[j, x + b - 1]
    K[o, j, a, b] = 255 sum over z of W[o, 64 j + z, a, b] gz[j, z]

with 36 instead of 6342 million multiply-adds and no volume. Both ways are here; the sums agree to
rounding. N pairs of hands.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from dice_ros.networks.interwild.hand_crops import transform
from dice_ros.networks.interwild.heatmaps import sample
from dice_ros.networks.interwild.spaces import CROP_OVER_CELL, HAND_CELLS, HAND_JOINTS
from dice_ros.networks.resnet import ResNet, ResNetConfig

VOLUME_SIDE = 64
_SIGMA = 2.5
_PEAK = 255.0
_MARGIN = 1.2
_TAPS = 3
_TINY = 1e-8
_JOINTS = 2 * HAND_JOINTS


class CommonSquare(NamedTuple):
    """The square around both hands, canvas pixels.

    Attributes:
        centre: (N, 2).
        side: (N, 1).
    """

    centre: Tensor
    side: Tensor


class VolumeJoints(NamedTuple):
    """Joints of both hands in the common volume, cells.

    Attributes:
        right, left: (N, 21, 3) x, y, z.
        square: what the volume spans across.
    """

    right: Tensor
    left: Tensor
    square: CommonSquare


def volume_joints(
    right: Tensor, left: Tensor, right_to_canvas: Tensor, left_to_canvas: Tensor
) -> VolumeJoints:
    """Bring both hands into one volume.

    Args:
        right, left: (N, 21, 3) un-mirrored joints in cells of each hand's heatmap.
        right_to_canvas, left_to_canvas: (N, 2, 3) crop pixels -> canvas pixels.
    """
    places = [
        transform(matrix, CROP_OVER_CELL * joints[..., :2])
        for joints, matrix in ((right, right_to_canvas), (left, left_to_canvas))
    ]
    square = _common_square(*places)
    scale, middle = VOLUME_SIDE / (square.side + _TINY), VOLUME_SIDE / 2
    hands = []
    for place, joints in zip(places, (right, left), strict=True):
        across = (place - square.centre[:, None]) * scale[:, None] + middle
        deep = joints[..., 2:] * (VOLUME_SIDE // HAND_CELLS)
        hands.append(torch.cat([across, deep], dim=-1))
    return VolumeJoints(hands[0], hands[1], square)


class TranslationNet(nn.Module):
    """Joints of both hands to the vector from the right to the left wrist.

    Args:
        backbone: residual stages; the stem is part of the published weights and never used.
    """

    def __init__(self, backbone: ResNetConfig) -> None:
        super().__init__()
        self.separable = True
        """Use the shortcut of the module's text instead of the volume."""
        self.entry = nn.Sequential(
            nn.Conv2d(_JOINTS * VOLUME_SIDE, backbone.width, _TAPS, padding=_TAPS // 2),
            nn.BatchNorm2d(backbone.width),
            nn.ReLU(inplace=True),
        )
        self.backbone = ResNet(backbone)
        self.out = nn.Linear(2 * (backbone.out_channels + 2), 3)

    def forward(self, joints: VolumeJoints) -> Tensor:
        """(N, 3) left wrist minus right wrist, metres, axes of the camera; unbounded."""
        features = self.backbone.stages(self.entered(joints))
        # The wrists in the 8 x 8 map.
        wrists = torch.stack([joints.right[:, 0, :2], joints.left[:, 0, :2]], dim=1) / HAND_CELLS
        there = sample(features, wrists)  # (N, 2, C)
        vector: Tensor = self.out(torch.cat([there, wrists], dim=2).flatten(1))
        return vector

    def entered(self, joints: VolumeJoints) -> Tensor:
        """(N, width, 64, 64) what the first layer makes of the joints."""
        both = torch.cat([joints.right, joints.left], dim=1)
        convolution, *rest = self.entry
        assert isinstance(convolution, nn.Conv2d)
        if self.separable:
            x = separable_convolution(convolution, both)
        else:
            x = convolution(gaussian_volume(both))
        for layer in rest:
            x = layer(x)
        return x


def gaussian_volume(joints: Tensor) -> Tensor:
    """(N, 42, 3) cells -> (N, 42 x 64, 64, 64), depth of a joint beside depth in the channels."""
    across, down, deep = (_gaussians(joints[..., axis]) for axis in range(3))
    volume = (
        _PEAK * deep[:, :, :, None, None] * down[:, :, None, :, None] * across[:, :, None, None]
    )
    return volume.flatten(1, 2)


def separable_convolution(convolution: nn.Conv2d, joints: Tensor) -> Tensor:
    """What the convolution makes of :func:`gaussian_volume`, without the volume.

    Args:
        convolution: 3 x 3, padded by one, of 42 x 64 channels.
        joints: (N, 42, 3) cells.

    Returns:
        (N, width, 64, 64).
    """
    count, width = len(joints), convolution.out_channels
    across, down, deep = (_gaussians(joints[..., axis]) for axis in range(3))
    weight = convolution.weight.reshape(width, _JOINTS, VOLUME_SIDE, _TAPS, _TAPS)
    kernel = torch.einsum("ojzab,njz->njaob", weight, _PEAK * deep)  # K
    columns = _shifted(across)  # (N, 42, 3, 64)
    spread = torch.matmul(kernel.flatten(2, 3), columns)  # (N, 42, 3 x width, 64), b summed
    spread = spread.reshape(count, _JOINTS * _TAPS, width * VOLUME_SIDE)
    rows = _shifted(down).reshape(count, _JOINTS * _TAPS, VOLUME_SIDE)
    summed = torch.matmul(rows.transpose(1, 2), spread)  # (N, 64, width x 64)
    maps = summed.reshape(count, VOLUME_SIDE, width, VOLUME_SIDE).transpose(1, 2)
    assert convolution.bias is not None
    return maps + convolution.bias[:, None, None]


def _shifted(gaussians: Tensor) -> Tensor:
    """(N, J, 64) -> (N, J, 3, 64): entry i + tap - 1 of the 64, zero outside."""
    padded = functional.pad(gaussians, (1, 1))
    return torch.stack([padded[..., tap : tap + VOLUME_SIDE] for tap in range(_TAPS)], dim=2)


def _gaussians(places: Tensor) -> Tensor:
    """(N, J) cells -> (N, J, 64)."""
    cells = torch.arange(VOLUME_SIDE, device=places.device, dtype=places.dtype)
    away = (cells - places[..., None]) / _SIGMA
    return torch.exp(-0.5 * away * away)


def _common_square(right: Tensor, left: Tensor) -> CommonSquare:
    """Around both (N, 21, 2), each hand's tight box widened first."""
    low, high = [], []
    for places in (right, left):
        least, most = places.amin(dim=1), places.amax(dim=1)
        centre, half = (least + most) / 2, _MARGIN * (most - least) / 2
        low.append(centre - half)
        high.append(centre + half)
    corner, opposite = torch.minimum(*low), torch.maximum(*high)
    return CommonSquare((corner + opposite) / 2, (opposite - corner).amax(dim=1, keepdim=True))
