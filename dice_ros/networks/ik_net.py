"""IKNet: a residual network from mesh vertices to the parameters of a body model.

"Inverse kinematics" because it undoes the body model: the mesh is given, its pose and shape are
asked for (DICE, section 3.3).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_WIDTH = 1024
_RESIDUAL_UNITS = 2


class IKNet(nn.Module):
    """Flattened vertices to parameters.

    Args:
        vertices: number of vertices read.
        parameters: number of parameters written.
        width: inner width.
    """

    def __init__(self, vertices: int, parameters: int, width: int = _WIDTH) -> None:
        super().__init__()
        self.entry = nn.Linear(3 * vertices, width)
        self.entry_norm = nn.BatchNorm1d(width)
        self.units = nn.ModuleList([ResidualUnit(width) for _ in range(_RESIDUAL_UNITS)])
        self.out = nn.Linear(width, parameters)

    def forward(self, vertices: Tensor) -> Tensor:
        """(B, V, 3) metres -> (B, parameters)."""
        x = torch.relu(self.entry_norm(self.entry(vertices.flatten(1))))
        for unit in self.units:
            x = unit(x)
        y: Tensor = self.out(x)
        return y


class ResidualUnit(nn.Module):
    """Two normalised linear layers plus the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(width, width)
        self.first_norm = nn.BatchNorm1d(width)
        self.second = nn.Linear(width, width)
        self.second_norm = nn.BatchNorm1d(width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, width) -> (B, width)."""
        y = torch.relu(self.first_norm(self.first(x)))
        return torch.relu(x + self.second_norm(self.second(y)))
