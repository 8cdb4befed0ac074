"""Reading places off heatmaps and features at places. B maps, C channels, P places."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def soft_argmax(logits: Tensor) -> Tensor:
    """Expected place of the softmax over all cells of each channel.

    Args:
        logits: (B, C, H, W) or (B, C, D, H, W).

    Returns:
        (B, C, 2) x, y or (B, C, 3) x, y, z; cells, from 0 to size - 1.
    """
    sizes = logits.shape[2:]
    probability = logits.flatten(2).softmax(dim=2).reshape(logits.shape)
    places = []
    for axis in reversed(range(len(sizes))):
        others = [2 + other for other in range(len(sizes)) if other != axis]
        cells = torch.arange(sizes[axis], device=logits.device, dtype=logits.dtype)
        places.append((probability.sum(dim=others) * cells).sum(dim=-1))
    return torch.stack(places, dim=-1)


def sample(features: Tensor, places: Tensor) -> Tensor:
    """Features at places between cells, bilinear; zero outside.

    Args:
        features: (B, C, H, W).
        places: (B, P, 2) x, y in cells.

    Returns:
        (B, P, C).
    """
    height, width = features.shape[2:]
    found = functional.grid_sample(
        features, normalised(places, height, width)[:, :, None], align_corners=True
    )  # (B, C, P, 1)
    return found[..., 0].transpose(1, 2)


def normalised(places: Tensor, height: int, width: int) -> Tensor:
    """Cells or pixels (..., 2) to the -1..1 that ``grid_sample`` counts in, corners at centres."""
    extent = places.new_tensor([width - 1, height - 1])
    return places / extent * 2.0 - 1.0
