"""Keypoints read off meshes, in the other convention that the published code has.

The posed models give their own joints (:class:`dice_ros.body.mano.ManoMesh`). The template that
marks DICE's tokens uses joints regressed from vertices and tips further down the fingers instead.
The two differ by up to centimetres at the tips: never mix them. NumPy only. B meshes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dice_ros.body.flame_arrays import FlameArrays
from dice_ros.body.mano_arrays import STANDARD_ORDER, ManoArrays

_TIPS = (745, 317, 445, 556, 673)
"""Vertices near the tips of thumb, index, middle, ring, pinky."""


def hand_keypoints(mano: ManoArrays, vertices: NDArray[np.floating]) -> NDArray[np.floating]:
    """21 keypoints of hand meshes: (B, 778, 3) -> (B, 21, 3), wrist, thumb 1-4, ... pinky 1-4."""
    joints = np.einsum("jv,bvx->bjx", mano.joint_regressor, vertices)
    keypoints = np.concatenate([joints, vertices[:, _TIPS]], axis=1)
    return keypoints[:, STANDARD_ORDER]


def keypoint_regressor(mano: ManoArrays) -> NDArray[np.float32]:
    """(21, 778) float32 matrix that gives the same keypoints."""
    tips = np.eye(len(mano.template), dtype=np.float32)[list(_TIPS)]
    return np.concatenate([mano.joint_regressor, tips])[list(STANDARD_ORDER)]


def face_keypoints(flame: FlameArrays, vertices: NDArray[np.floating]) -> NDArray[np.floating]:
    """68 landmarks of head meshes: (B, 5023, 3) -> (B, 68, 3)."""
    corners = vertices[:, flame.triangles[flame.landmark_triangles]]
    landmarks: NDArray[np.floating] = np.einsum("lc,blcx->blx", flame.landmark_weights, corners)
    return landmarks
