"""Linear blend skinning, batched, through ``smplx``: the one module that imports it.

Shape and pose blend shapes are added to the template, joints regressed from the shaped template,
and every vertex moved by the weighted mean of its joints' transforms (Loper et al. 2015).
B bodies, V vertices, J joints, P = 9 (J - 1) pose features.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from smplx.lbs import lbs
from torch import Tensor, nn

_TINY = 1e-14
"""Keeps the angle off zero; changes no angle that matters (radians squared)."""


class _Skeleton:
    """Parent of every joint, -1 for the root, in the shape that the library reads it.

    It asks for a tensor, but indexing Python lists with one cannot be exported: single items are
    numbers. ``[1:]`` indexes a tensor, and is one on the same device: Python numbers would be
    copied there for every batch, which CUDA graphs forbid.
    """

    def __init__(self, parents: tuple[int, ...], below_root: Tensor) -> None:
        self._parents = parents
        self._below_root = below_root

    @property
    def shape(self) -> tuple[int]:
        """(J,)."""
        return (len(self._parents),)

    def __getitem__(self, wanted: int | slice) -> int | Tensor:
        if isinstance(wanted, int):
            return self._parents[wanted]
        assert wanted == slice(1, None)
        return self._below_root


class SkinnedBody(nn.Module):
    """A template mesh with blend shapes and a skeleton.

    Args:
        template: (V, 3) metres.
        shape_directions: (V, 3, S) metres per coefficient.
        pose_directions: (V, 3, P) metres per entry of (R - I).
        joint_regressor: (J, V).
        weights: (V, J), rows sum to one.
        parents: (J,) parent of each joint; anything outside 0..J-1 marks the root.
    """

    template: Tensor
    shape_directions: Tensor
    pose_directions: Tensor
    joint_regressor: Tensor
    weights: Tensor
    parents_below_root: Tensor

    def __init__(
        self,
        *,
        template: NDArray[np.floating],
        shape_directions: NDArray[np.floating],
        pose_directions: NDArray[np.floating],
        joint_regressor: NDArray[np.floating],
        weights: NDArray[np.floating],
        parents: NDArray[np.integer],
    ) -> None:
        super().__init__()
        count = len(parents)
        self._parents = tuple(
            int(parent) if 0 <= parent < count else -1 for parent in parents.tolist()
        )
        below_root = torch.from_numpy(np.array(self._parents[1:]))
        self.register_buffer("parents_below_root", below_root, persistent=False)
        features = pose_directions.shape[-1]
        for name, array in {
            "template": template,
            "shape_directions": shape_directions,
            "pose_directions": pose_directions.reshape(-1, features).T,  # (P, 3V)
            "joint_regressor": joint_regressor,
            "weights": weights,
        }.items():
            tensor = torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
            self.register_buffer(name, tensor, persistent=False)

    def forward(self, betas: Tensor, rotations: Tensor) -> tuple[Tensor, Tensor]:
        """Pose the body.

        Args:
            betas: (B, S) shape coefficients.
            rotations: (B, J, 3, 3) of every joint relative to its parent, root first.

        Returns:
            Vertices (B, V, 3) and joints (B, J, 3), metres.
        """
        vertices, joints = lbs(
            betas,
            rotations,
            self.template,
            self.shape_directions,
            self.pose_directions,
            self.joint_regressor,
            _Skeleton(self._parents, self.parents_below_root),
            self.weights,
            pose2rot=False,
        )
        return vertices, joints


def rotation_matrices(axis_angle: Tensor) -> Tensor:
    """Rodrigues' formula, also at and near zero: (..., 3) axis-angle, radians -> (..., 3, 3).

    The library's own divides by a norm that some runtimes optimise to zero for a joint at rest.
    """
    x, y, z = axis_angle.unbind(-1)
    zero = torch.zeros_like(x)
    K = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).reshape(*x.shape, 3, 3)
    squared = (axis_angle * axis_angle).sum(dim=-1)[..., None, None] + _TINY
    angle = squared.sqrt()
    identity = torch.eye(3, dtype=K.dtype, device=K.device)
    turned: Tensor = (
        identity + (angle.sin() / angle) * K + ((1.0 - angle.cos()) / squared) * (K @ K)
    )
    return turned
