"""How weights lie in memory."""

from __future__ import annotations

import torch
from torch import nn


def use_channels_last(module: nn.Module) -> None:
    """Lay convolutions' weights out so that neighbouring channels are read at once, in place."""
    for weight in module.parameters():
        if weight.dim() == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
