"""Crops of single hands from the canvas, right-handed all: left ones are mirrored. N pictures."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from dice_ros.networks.interwild.heatmaps import normalised
from dice_ros.networks.interwild.spaces import CROP_SIDE

CROP_OVER_BOX = 2.0
"""Side of a crop over the longer side of the hand's tight box."""
_SMALLEST_SIDE = 4.0
"""Canvas pixels. Sizes are unbounded: a negative one would turn the crop inside out."""
_TINY = 1e-8


class CropFrame(NamedTuple):
    """Where crops lie on the canvas, before any mirroring.

    Attributes:
        to_crop: (N, 2, 3) canvas pixels -> crop pixels.
        to_canvas: (N, 2, 3) its inverse.
    """

    to_crop: Tensor
    to_canvas: Tensor


def square_boxes(tight: Tensor) -> Tensor:
    """Crop boxes around tight ones: (N, 4) -> (N, 4) x1, y1, x2, y2, canvas pixels, square."""
    corner, opposite = tight[:, :2], tight[:, 2:]
    longer = (opposite - corner).amax(dim=1, keepdim=True)
    half = (CROP_OVER_BOX * longer).clamp(min=_SMALLEST_SIDE) / 2
    centre = (corner + opposite) / 2
    return torch.cat([centre - half, centre + half], dim=1).detach()


def crop_frame(boxes: Tensor) -> CropFrame:
    """Matrices of crop boxes (N, 4), canvas pixels."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    scale = CROP_SIDE / (boxes[:, 2:] - boxes[:, :2] + _TINY)  # (N, 2)
    middle = CROP_SIDE / 2
    return CropFrame(
        _scaling(scale, middle - scale * centre), _scaling(1.0 / scale, centre - middle / scale)
    )


def transform(matrices: Tensor, points: Tensor) -> Tensor:
    """Apply (N, 2, 3) affine maps to (N, P, 2) points."""
    return points @ matrices[:, :, :2].transpose(1, 2) + matrices[:, None, :, 2]


def cut(canvas: Tensor, frame: CropFrame, *, mirrored: bool) -> Tensor:
    """Crops, bilinear, zero outside the canvas.

    Args:
        canvas: (N, 3, 512, 384).
        frame: where the crops lie.
        mirrored: flip them left to right.

    Returns:
        (N, 3, 256, 256).
    """
    count = len(canvas)
    across = torch.arange(CROP_SIDE, device=canvas.device, dtype=canvas.dtype)
    columns = across.flip(0) if mirrored else across
    pixels = torch.stack(torch.meshgrid(columns, across, indexing="xy"), dim=-1)  # (256, 256, 2)
    places = transform(frame.to_canvas, pixels.reshape(1, -1, 2).expand(count, -1, -1))
    grid = normalised(places, canvas.shape[2], canvas.shape[3])
    grid = grid.reshape(count, CROP_SIDE, CROP_SIDE, 2)
    return functional.grid_sample(canvas, grid, align_corners=True).detach()


def _scaling(scale: Tensor, shift: Tensor) -> Tensor:
    return torch.cat([torch.diag_embed(scale), shift[:, :, None]], dim=2)
