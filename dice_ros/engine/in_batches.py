"""Batches larger than an engine takes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from dice_ros.networks.dice_graph import DiceReading


def in_batches(compute: Callable[[Tensor], DiceReading], images: Tensor, limit: int) -> DiceReading:
    """Compute (B, 3, 224, 224) images, at most ``limit`` at a time."""
    if len(images) <= limit:
        return compute(images)
    parts = [compute(part) for part in torch.split(images, limit)]
    return DiceReading(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))
