"""BoxNet: where both hands are, from the features of the whole body. N pictures."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from dice_ros.networks.interwild.heatmaps import sample, soft_argmax
from dice_ros.networks.interwild.spaces import CANVAS_OVER_BOX_CELL

RIGHT, LEFT = 0, 1
"""Places of the hands wherever both share an axis."""


class FoundBoxes(NamedTuple):
    """Boxes of the right and the left hand, in cells of the 64 x 48 map (8 canvas pixels).

    Attributes:
        logits: (N, 2, 64, 48) of the centres.
        centres: (N, 2, 2) x, y.
        sizes: (N, 2, 2) width, height; unbounded, even negative where there is no hand.
        confidence: (N, 2) height of the softmax at the centre: how sharp the peak is, not how
            probable a hand. Of the order of 1 / 3072 for a flat map, and tiny between two peaks.
    """

    logits: Tensor
    centres: Tensor
    sizes: Tensor
    confidence: Tensor

    def tight(self) -> Tensor:
        """(N, 2, 4) x1, y1, x2, y2, canvas pixels."""
        half = self.sizes / 2
        return CANVAS_OVER_BOX_CELL * torch.cat([self.centres - half, self.centres + half], dim=-1)


class BoxNet(nn.Module):
    """Body features to boxes.

    Args:
        in_channels: of the features.
        width: of the up-sampled map.
    """

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for channels in (in_channels, width, width):
            layers += [
                nn.ConvTranspose2d(channels, width, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ]
        self.upsampling = nn.Sequential(*layers)
        self.centre = nn.Conv2d(width, 2, kernel_size=1)
        self.right_size = _size_head(width)
        self.left_size = _size_head(width)

    def forward(self, features: Tensor) -> FoundBoxes:
        """(N, in_channels, 8, 6) -> boxes."""
        maps = self.upsampling(features)  # (N, width, 64, 48)
        logits = self.centre(maps)
        centres = soft_argmax(logits)
        # As trained: the size must not move the centre.
        there = sample(maps, centres.detach())  # (N, 2, width)
        sizes = torch.stack(
            [self.right_size(there[:, RIGHT]), self.left_size(there[:, LEFT])], dim=1
        )
        heights = logits.flatten(2).softmax(dim=2).unflatten(2, logits.shape[2:])
        peaks = sample(heights, centres)  # (N, 2 centres, 2 channels)
        return FoundBoxes(logits, centres, sizes, peaks.diagonal(dim1=1, dim2=2))


def _size_head(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 2))
