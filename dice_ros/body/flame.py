"""The FLAME head with DICE's conventions. B heads."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from dice_ros.body.flame_arrays import FlameArrays
from dice_ros.body.skinning import SkinnedBody, rotation_matrices


class FlameParameters(NamedTuple):
    """Parameters of the FLAME head.

    Attributes:
        betas: (B, 100) identity.
        expression: (B, 50).
        pose: (B, 6) axis-angle, radians: head about the neck's root, jaw.
        rotation: (B, 3) axis-angle, radians, of the second, rigid turn about the centroid.
        transl: (B, 3) metres, after it.
    """

    betas: Tensor
    expression: Tensor
    pose: Tensor
    rotation: Tensor
    transl: Tensor


class FlameMesh(NamedTuple):
    """A posed head.

    Attributes:
        vertices: (B, 5023, 3) metres.
        landmarks: (B, 68, 3) metres, on its surface.
    """

    vertices: Tensor
    landmarks: Tensor


class FlameHead(nn.Module):
    """Poses FLAME heads. Neck and eyes stay at rest."""

    landmark_vertices: Tensor
    landmark_weights: Tensor

    def __init__(self, arrays: FlameArrays) -> None:
        super().__init__()
        self.body = SkinnedBody(
            template=arrays.template,
            shape_directions=arrays.shape_directions,
            pose_directions=arrays.pose_directions,
            joint_regressor=arrays.joint_regressor,
            weights=arrays.weights,
            parents=arrays.parents,
        )
        corners = arrays.triangles[arrays.landmark_triangles]  # (68, 3)
        self.register_buffer(
            "landmark_vertices", torch.from_numpy(corners).long(), persistent=False
        )
        self.register_buffer(
            "landmark_weights", torch.from_numpy(arrays.landmark_weights), persistent=False
        )

    def forward(self, parameters: FlameParameters) -> FlameMesh:
        """Shape, pose, then turn about the posed mesh's centroid and shift."""
        moving = rotation_matrices(parameters.pose.reshape(-1, 2, 3))  # head, jaw
        still = torch.eye(3, dtype=moving.dtype, device=moving.device).expand(
            moving.shape[0], 1, 3, 3
        )
        vertices, _ = self.body(
            torch.cat([parameters.betas, parameters.expression], dim=1),
            torch.cat([moving[:, :1], still, moving[:, 1:], still, still], dim=1),
        )
        centroid = vertices.mean(dim=1, keepdim=True)
        turn = rotation_matrices(parameters.rotation)
        vertices = (vertices - centroid) @ turn.transpose(1, 2)
        vertices = vertices + centroid + parameters.transl[:, None]
        return FlameMesh(vertices, self.landmarks(vertices))

    def landmarks(self, vertices: Tensor) -> Tensor:
        """The 68 landmarks of any head mesh of this topology: (B, 5023, 3) -> (B, 68, 3)."""
        corners = vertices[:, self.landmark_vertices]  # (B, 68, 3 corners, 3)
        return (corners * self.landmark_weights[..., None]).sum(dim=2)
