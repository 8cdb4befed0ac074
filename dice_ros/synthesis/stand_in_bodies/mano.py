"""A stand-in for MANO: its arrays and shapes, filled from the open hand.

Axes as MANO's: of the right hand the fingers point along -x, the palm faces -y and the thumb lies
at +z, metres; the left hand is its mirror image (x -> -x). Nothing in it was taken from MANO but
the format.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix

from dice_ros.body.hand_parts import MANO_BONES
from dice_ros.body.open_hand import OpenHand
from dice_ros.synthesis.stand_in_bodies.hand_surface import hand_surface
from dice_ros.synthesis.stand_in_bodies.joint_regression import joint_regressor, nearest_vertices
from dice_ros.synthesis.stand_in_bodies.smooth_fields import smooth_fields
from dice_ros.types import Float64Array

SHAPE_COUNT, POSE_COUNT, HAND_POSE_COUNT = 10, 135, 45
NO_PARENT = 2**32 - 1

_PARENTS = (NO_PARENT, 0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14)
_OPEN_JOINTS = (0, 5, 6, 7, 9, 10, 11, 17, 18, 19, 13, 14, 15, 1, 2, 3)
"""For each joint of MANO the one of the open hand."""
_WRIST_PLACE_M = np.array([0.096, 0.006, 0.006])
_JOINT_VERTICES = 24
_SIZE_SIGMA = 0.06
_SHAPE_RMS_M, _POSE_RMS_M = 8e-4, 2e-4
_MEAN_CURL = 0.25
_SEEDS = {"shape": 21, "pose": 22, "components": 23, "mean": 24}
_MIRROR = np.array([-1.0, 1.0, 1.0])


@dataclass(frozen=True, slots=True, eq=False)
class ManoArrays:
    """Arrays of MANO's ``MANO_RIGHT.pkl`` or ``MANO_LEFT.pkl``; V = 778.

    Attributes:
        v_template: (V, 3) float64, metres.
        f: (1538, 3) uint32, counter-clockwise seen from outside.
        shapedirs: (V, 3, 10) float64, metres per standard deviation.
        posedirs: (V, 3, 135) float64, added for each entry of the joints' rotations minus identity.
        J_regressor: (16, V) sparse float64: wrist, index, middle, pinky, ring, thumb 1-3.
        weights: (V, 16) float64, rows sum to 1.
        hands_components: (45, 45) float64, orthonormal rows, joint angles.
        hands_mean: (45,) float64, radians.
        kintree_table: (2, 16) uint32, parents and numbers.
    """

    v_template: Float64Array
    f: NDArray[np.uint32]
    shapedirs: Float64Array
    posedirs: Float64Array
    J_regressor: csc_matrix
    weights: Float64Array
    hands_components: Float64Array
    hands_mean: Float64Array
    kintree_table: NDArray[np.uint32]


def make_stand_in_mano(open_hand: OpenHand) -> ManoArrays:
    """The right hand; the same arrays every time."""
    surface = hand_surface(open_hand)
    R = _axes(open_hand.joints.astype(np.float64))
    template = surface.points @ R.T + _WRIST_PLACE_M
    joints = open_hand.joints[list(_OPEN_JOINTS)].astype(np.float64) @ R.T + _WRIST_PLACE_M
    weights = np.empty((len(template), len(MANO_BONES)))
    weights[:, MANO_BONES] = open_hand.weights[surface.source]
    known = np.einsum("kvi,ji->vjk", open_hand.shape_basis[:, surface.source], R)
    members = [nearest_vertices(template, joint, _JOINT_VERTICES) for joint in joints]
    random = np.random.default_rng(_SEEDS["components"])
    return ManoArrays(
        v_template=template,
        f=surface.triangles.astype(np.uint32),
        shapedirs=_shape_directions(template, known),
        posedirs=_POSE_RMS_M
        * smooth_fields(template, POSE_COUNT, seed=_SEEDS["pose"], longest_m=0.15, shortest_m=0.05),
        J_regressor=joint_regressor(template, joints, members),
        weights=weights / weights.sum(axis=1, keepdims=True),
        hands_components=np.linalg.qr(random.normal(size=(HAND_POSE_COUNT, HAND_POSE_COUNT)))[0],
        hands_mean=_mean_pose(),
        kintree_table=np.array([_PARENTS, range(len(_PARENTS))], dtype=np.uint32),
    )


def mirror_hand(hand: ManoArrays) -> ManoArrays:
    """The other hand: every vertex at its mirror image, triangles wound the other way."""
    entry_signs = np.tile(np.outer(_MIRROR, _MIRROR).ravel(), POSE_COUNT // 9)
    angle_signs = np.tile(-_MIRROR, HAND_POSE_COUNT // 3)
    return replace(
        hand,
        v_template=hand.v_template * _MIRROR,
        f=np.ascontiguousarray(hand.f[:, ::-1]),
        shapedirs=hand.shapedirs * _MIRROR[:, None],
        posedirs=hand.posedirs * _MIRROR[:, None] * entry_signs,
        hands_components=hand.hands_components * angle_signs,
        hands_mean=hand.hands_mean * angle_signs,
    )


def _axes(joints: Float64Array) -> Float64Array:
    """(3, 3) rotation from the open hand's frame to MANO's."""
    along = joints[[5, 9, 13, 17]].mean(axis=0) - joints[0]
    x = -along / np.linalg.norm(along)
    palm = np.cross(joints[5] - joints[0], joints[17] - joints[0])
    y = -(palm - x * (palm @ x))
    y /= np.linalg.norm(y)
    return np.stack([x, y, np.cross(x, y)])


def _shape_directions(template: Float64Array, known: Float64Array) -> Float64Array:
    """Size, the open hand's directions, then ever smaller random fields."""
    size = _SIZE_SIGMA * (template - _WRIST_PLACE_M)[:, :, None]
    rest = SHAPE_COUNT - 1 - known.shape[2]
    fields = smooth_fields(template, rest, seed=_SEEDS["shape"], longest_m=0.2, shortest_m=0.06)
    return np.concatenate([size, known, fields * (_SHAPE_RMS_M / (1.0 + np.arange(rest)))], axis=2)


def _mean_pose() -> Float64Array:
    """(45,) radians: all fingers curled a little about z, with small differences."""
    pose = 0.05 * np.random.default_rng(_SEEDS["mean"]).normal(size=(HAND_POSE_COUNT // 3, 3))
    pose[:12, 2] += _MEAN_CURL
    return pose.ravel()
