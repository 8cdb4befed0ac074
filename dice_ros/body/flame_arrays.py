"""What a FLAME model consists of, as arrays. Reading and posing it are elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FLAME_VERTICES, FLAME_TRIANGLES, FLAME_JOINTS = 5023, 9976, 5
FLAME_SHAPES, FLAME_FIRST_EXPRESSION, FLAME_EXPRESSIONS = 100, 300, 50
FACE_LANDMARKS = 68


@dataclass(frozen=True, slots=True, eq=False)
class FlameArrays:
    """The FLAME head (Li et al. 2017) as DICE uses it.

    Joints: neck root, neck, jaw, left eye, right eye. Axes of the model: x to the person's left,
    y up, z out of the face; metres.

    Attributes:
        template: (5023, 3) float32, metres.
        shape_directions: (5023, 3, 150) float32: the first 100 identity directions, then the
            first 50 expression directions (columns 300..349 of the published 400).
        pose_directions: (5023, 3, 36) float32.
        joint_regressor: (5, 5023) float32.
        weights: (5023, 5) float32.
        parents: (5,) int32, -1 for the root.
        triangles: (9976, 3) int32.
        landmark_triangles: (68,) int32: triangle each of the 68 "full" landmarks lies in.
        landmark_weights: (68, 3) float32, barycentric.
        neck: (N,) int32 vertices of the neck, which never deform.
    """

    template: NDArray[np.float32]
    shape_directions: NDArray[np.float32]
    pose_directions: NDArray[np.float32]
    joint_regressor: NDArray[np.float32]
    weights: NDArray[np.float32]
    parents: NDArray[np.int32]
    triangles: NDArray[np.int32]
    landmark_triangles: NDArray[np.int32]
    landmark_weights: NDArray[np.float32]
    neck: NDArray[np.int32]
