"""What a MANO model consists of, as arrays. Reading and posing it are elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dice_ros.body.model_file import ArraySpec

MANO_VERTICES, MANO_TRIANGLES, MANO_JOINTS = 778, 1538, 16
MANO_SHAPES = 10
MANO_ANGLES = 3 * (MANO_JOINTS - 1)
STANDARD_ORDER = (0, 13, 14, 15, 16, 1, 2, 3, 17, 4, 5, 6, 18, 10, 11, 12, 19, 7, 8, 9, 20)
"""Rows of MANO's 16 joints and the tips of thumb, index, middle, ring, pinky in the order wrist,
thumb 1-4, index 1-4, ..., pinky 1-4."""


@dataclass(frozen=True, slots=True, eq=False)
class ManoArrays:
    """A MANO hand (Romero et al. 2017) without PCA and mean pose; DICE uses the right one.

    Joints: wrist, index 1-3, middle 1-3, pinky 1-3, ring 1-3, thumb 1-3.

    Attributes:
        template: (778, 3) float32, metres.
        shape_directions: (778, 3, 10) float32.
        pose_directions: (778, 3, 135) float32.
        joint_regressor: (16, 778) float32.
        weights: (778, 16) float32.
        parents: (16,) int32, -1 for the root.
        triangles: (1538, 3) int32.
    """

    template: NDArray[np.float32]
    shape_directions: NDArray[np.float32]
    pose_directions: NDArray[np.float32]
    joint_regressor: NDArray[np.float32]
    weights: NDArray[np.float32]
    parents: NDArray[np.int32]
    triangles: NDArray[np.int32]


def mano_specs(prefix: str) -> dict[str, ArraySpec]:
    """What the arrays of a hand look like in a file, by name behind a prefix."""
    shapes = {
        "template": (MANO_VERTICES, 3),
        "shape_directions": (MANO_VERTICES, 3, MANO_SHAPES),
        "pose_directions": (MANO_VERTICES, 3, 9 * (MANO_JOINTS - 1)),
        "joint_regressor": (MANO_JOINTS, MANO_VERTICES),
        "weights": (MANO_VERTICES, MANO_JOINTS),
    }
    specs = {prefix + name: ArraySpec(shape, "float32") for name, shape in shapes.items()}
    specs[prefix + "parents"] = ArraySpec((MANO_JOINTS,), "int32")
    specs[prefix + "triangles"] = ArraySpec((MANO_TRIANGLES, 3), "int32")
    return specs
