"""Linear blend skinning, batched, through ``smplx``: the one module that imports it.

Shape and pose blend shapes are added to the template, joints regressed from the shaped template,
and every vertex moved by the weighted mean of its joints' transforms (Loper et al. 2015).
B bodies, V vertices, J joints, P = 9 (J - 1) pose features.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from smplx.lbs import batch_rodrigues, lbs
from torch import Tensor, nn


class Parents(tuple[int, ...]):
    """Parent of every joint, -1 for the root.

    The library asks for a tensor, but indexing Python lists with one cannot be exported; it only
    ever reads ``shape`` and items.
    """

    __slots__ = ()

    @property
    def shape(self) -> tuple[int]:
        """(J,)."""
        return (len(self),)


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
        self._parents = Parents(
            int(parent) if 0 <= parent < count else -1 for parent in parents.tolist()
        )
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

    def forward(self, betas: Tensor, pose: Tensor) -> tuple[Tensor, Tensor]:
        """Pose the body.

        Args:
            betas: (B, S) shape coefficients.
            pose: (B, 3J) axis-angle, radians, root first.

        Returns:
            Vertices (B, V, 3) and joints (B, J, 3), metres.
        """
        vertices, joints = lbs(
            betas,
            pose,
            self.template,
            self.shape_directions,
            self.pose_directions,
            self.joint_regressor,
            self._parents,
            self.weights,
        )
        return vertices, joints


def rotation_matrices(axis_angle: Tensor) -> Tensor:
    """(B, 3) axis-angle, radians -> (B, 3, 3)."""
    matrices: Tensor = batch_rodrigues(axis_angle)
    return matrices
