"""Rotations as InterWild writes them: six numbers, matrices, axis-angle vectors up to a full turn.

Finger angles are added to a mean pose **as vectors**, where v and v - 2 pi v / |v| are not the
same, although each alone stands for one rotation. The weights were trained with quaternions whose
sign nobody standardised, so angles between half a turn and a whole one occur and must stay.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_SMALL = 1e-6
_FLOOR = 0.1


def matrices_from_six(six: Tensor) -> Tensor:
    """(..., 6) two vectors, made orthonormal -> (..., 3, 3) whose rows they and their cross are."""
    first = functional.normalize(six[..., :3], dim=-1)
    rest = six[..., 3:] - (first * six[..., 3:]).sum(dim=-1, keepdim=True) * first
    second = functional.normalize(rest, dim=-1)
    return torch.stack([first, second, torch.linalg.cross(first, second)], dim=-2)


def axis_angles(matrices: Tensor) -> Tensor:
    """(..., 3, 3) rotations -> (..., 3) axis-angle, radians, angles in [0, 2 pi)."""
    quaternion = _quaternions(matrices)
    vector = quaternion[..., 1:]
    half = torch.atan2(vector.norm(dim=-1, keepdim=True), quaternion[..., :1])
    angle = 2.0 * half
    small = angle.abs() < _SMALL
    share = torch.where(
        small, 0.5 - angle * angle / 48.0, half.sin() / torch.where(small, 1.0, angle)
    )
    return vector / share


def _quaternions(matrices: Tensor) -> Tensor:
    """(..., 3, 3) -> (..., 4) w, x, y, z, from the largest of the four; of either sign."""
    m = matrices
    xx, yy, zz = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    squares = torch.stack([xx + yy + zz, xx - yy - zz, yy - xx - zz, zz - xx - yy], dim=-1) + 1.0
    sizes = torch.sqrt(squares.clamp(min=0.0))  # twice each component's
    square = sizes * sizes
    x, y, z = (
        m[..., 2, 1] - m[..., 1, 2],
        m[..., 0, 2] - m[..., 2, 0],
        m[..., 1, 0] - m[..., 0, 1],
    )
    xy, xz, yz = (
        m[..., 1, 0] + m[..., 0, 1],
        m[..., 0, 2] + m[..., 2, 0],
        m[..., 1, 2] + m[..., 2, 1],
    )
    candidates = torch.stack(
        [
            torch.stack([square[..., 0], x, y, z], dim=-1),
            torch.stack([x, square[..., 1], xy, xz], dim=-1),
            torch.stack([y, xy, square[..., 2], yz], dim=-1),
            torch.stack([z, xz, yz, square[..., 3]], dim=-1),
        ],
        dim=-2,
    ) / (2.0 * sizes.clamp(min=_FLOOR)[..., None])
    largest = sizes.argmax(dim=-1)[..., None, None].expand(*sizes.shape[:-1], 1, 4)
    return candidates.gather(-2, largest).squeeze(-2)
