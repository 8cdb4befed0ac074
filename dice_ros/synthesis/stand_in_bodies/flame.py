"""A stand-in for FLAME: its arrays and shapes, filled from the open head.

Axes as FLAME's: x to the person's left, y up, z out of the face, metres. Nothing in it was taken
from FLAME but the format.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix

from dice_ros.body.open_head import OpenHead
from dice_ros.body.region_transfer import open_head_landmarks_68
from dice_ros.contact.skin import uniform_laplacian
from dice_ros.synthesis.stand_in_bodies.flame_landmarks import FlameLandmarks, flame_landmarks
from dice_ros.synthesis.stand_in_bodies.head_surface import HeadSurface, head_surface
from dice_ros.synthesis.stand_in_bodies.joint_regression import joint_regressor, nearest_vertices
from dice_ros.synthesis.stand_in_bodies.smooth_fields import smooth_fields
from dice_ros.types import Float64Array, Int32Array

SHAPE_COUNT, EXPRESSION_COUNT, POSE_COUNT = 300, 100, 36
NO_PARENT = 2**32 - 1

_AXES = np.array([1.0, -1.0, -1.0])
_BETWEEN_EYES_M = np.array([0.0, 0.02, 0.02])
"""Where the origin of the open head lies in the stand-in."""
_PARENTS = (NO_PARENT, 0, 1, 1, 1)
_ROOT_PLACE_M, _NECK_PLACE_M, _JAW_PLACE_M = (0, 0.15, 0.09), (0, 0.08, 0.085), (0, 0.04, 0.06)
"""Joints in the open head's frame."""
_NECK_FALL = (0.13, 0.185)
_NECK_SLOPE = 0.5
_NECK_ROOT_SHARE = 0.5
_JAW_FULL_SHARE, _JAW_SMOOTHING = 0.75, 8
_POSE_RMS_M = 4e-4
_SEEDS = {"shape": 11, "symmetric shape": 12, "expression": 13, "pose": 14}


@dataclass(frozen=True, slots=True, eq=False)
class FlameArrays:
    """Arrays of FLAME's ``generic_model.pkl`` and what belongs to it; V = 5023.

    Attributes:
        v_template: (V, 3) float64, metres.
        f: (9976, 3) uint32, counter-clockwise seen from outside.
        shapedirs: (V, 3, 400) float64, 300 shape and 100 expression directions.
        posedirs: (V, 3, 36) float64, added for each entry of the joints' rotations minus identity.
        J_regressor: (5, V) sparse float64: root, neck, jaw, left eye, right eye.
        weights: (V, 5) float64, rows sum to 1.
        kintree_table: (2, 5) uint32, parents and numbers.
        landmarks: the 68 landmarks.
        neck_vertices: (N,) int64, vertices of the neck.
        stiffness: (V,) float64 in [0.05, 1].
    """

    v_template: Float64Array
    f: NDArray[np.uint32]
    shapedirs: Float64Array
    posedirs: Float64Array
    J_regressor: csc_matrix
    weights: Float64Array
    kintree_table: NDArray[np.uint32]
    landmarks: FlameLandmarks
    neck_vertices: NDArray[np.int64]
    stiffness: Float64Array


def make_stand_in_flame(open_head: OpenHead) -> FlameArrays:
    """The stand-in; the same arrays every time."""
    surface = head_surface(open_head)
    template = surface.points * _AXES + _BETWEEN_EYES_M
    weights = _weights(open_head, surface)
    joints, members = _joints(surface)
    return FlameArrays(
        v_template=template,
        f=surface.triangles.astype(np.uint32),
        shapedirs=np.concatenate(
            [_shape_directions(open_head, surface), _expression_directions(open_head, surface)],
            axis=2,
        ),
        posedirs=_POSE_RMS_M
        * smooth_fields(template, POSE_COUNT, seed=_SEEDS["pose"], longest_m=0.3, shortest_m=0.1),
        J_regressor=joint_regressor(template, joints * _AXES + _BETWEEN_EYES_M, members),
        weights=weights,
        kintree_table=np.array([_PARENTS, range(5)], dtype=np.uint32),
        landmarks=flame_landmarks(
            open_head_landmarks_68(open_head) * _AXES + _BETWEEN_EYES_M,
            template,
            surface.triangles,
        ),
        neck_vertices=np.flatnonzero(weights[:, 0] > _NECK_ROOT_SHARE),
        stiffness=np.asarray(surface.carry @ open_head.stiffness.astype(np.float64)),
    )


def _weights(head: OpenHead, surface: HeadSurface) -> Float64Array:
    points = surface.points
    root = _smooth_step(points[:, 1] + _NECK_SLOPE * points[:, 2], *_NECK_FALL)
    jaw = (1.0 - root) * _jaw_share(head, surface)
    right, left = surface.eye_openness
    skull = 1.0 - root - jaw - left - right
    return np.stack([root, skull, jaw, left, right], axis=1)


def _jaw_share(head: OpenHead, surface: HeadSurface) -> Float64Array:
    """(V,) how far each vertex follows the jaw: its way at an open mouth over its lever."""
    opened = surface.carry @ head.expression_basis[head.expression_names.index("jawOpen")]
    lever = np.linalg.norm((surface.points - _JAW_PLACE_M)[:, 1:], axis=1)
    turn = np.linalg.norm(opened, axis=1) / np.maximum(lever, 0.03)
    share = np.clip(turn / (_JAW_FULL_SHARE * turn.max()), 0.0, 1.0)
    L = uniform_laplacian(surface.triangles, len(share))
    for _ in range(_JAW_SMOOTHING):
        share = share - 0.5 * (L @ share)
    share[surface.eye_openness.sum(axis=0) > 0.0] = 0.0
    return np.asarray(share)


def _smooth_step(values: Float64Array, start: float, end: float) -> Float64Array:
    share = np.clip((values - start) / (end - start), 0.0, 1.0)
    return np.asarray(share * share * (3.0 - 2.0 * share))


def _joints(surface: HeadSurface) -> tuple[Float64Array, list[Int32Array]]:
    """(5, 3) metres in the open head's frame, and the vertices that carry each."""
    right, left = surface.eye_centres
    joints = np.array([_ROOT_PLACE_M, _NECK_PLACE_M, _JAW_PLACE_M, left, right])
    counts = (300, 300, 400, 1500, 1500)
    members = [
        nearest_vertices(surface.points, joint, count)
        for joint, count in zip(joints, counts, strict=True)
    ]
    return joints, members


def _shape_directions(head: OpenHead, surface: HeadSurface) -> Float64Array:
    """The open head's identities, then ever smaller random fields, every other one symmetric."""
    known = np.stack([surface.carry @ basis for basis in head.identity_basis], axis=2)
    known = known * _AXES[:, None]
    rest = SHAPE_COUNT - known.shape[2]
    odd, even = (
        smooth_fields(
            surface.points * _AXES,
            rest // 2,
            seed=_SEEDS[name],
            longest_m=0.25,
            shortest_m=0.05,
            symmetric=name != "shape",
        )
        for name in ("shape", "symmetric shape")
    )
    fields = np.stack([even, odd], axis=3).reshape(len(surface.points), 3, rest)
    fall = known.shape[2] / (known.shape[2] + 1.0 + np.arange(rest))
    return np.concatenate([known, fields * (_rms(known[:, :, -1]) * fall)], axis=2)


def _expression_directions(head: OpenHead, surface: HeadSurface) -> Float64Array:
    """Principal directions of the open head's expressions, then small fields on the face."""
    moving = np.abs(head.expression_basis).max(axis=(1, 2)) > 0.0
    moves = np.stack([(surface.carry @ basis) * _AXES for basis in head.expression_basis[moving]])
    _, sizes, axes = np.linalg.svd(moves.reshape(len(moves), -1), full_matrices=False)
    peaks = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    known = axes * np.sign(peaks) * (sizes / np.sqrt(len(moves)))[:, None]
    known = known.reshape(len(moves), -1, 3).transpose(1, 2, 0)
    rest = EXPRESSION_COUNT - known.shape[2]
    fields = smooth_fields(
        surface.points, rest, seed=_SEEDS["expression"], longest_m=0.12, shortest_m=0.05
    )
    face = 1.0 - _smooth_step(surface.points[:, 2], 0.0, 0.06)
    face *= 1.0 - _smooth_step(np.abs(surface.points[:, 1] - 0.04), 0.06, 0.1)
    fall = 1.0 / (2.0 + np.arange(rest))
    return np.concatenate(
        [known, face[:, None, None] * fields * (_rms(known[:, :, -1]) * fall)], axis=2
    )


def _rms(field: Float64Array) -> float:
    return float(np.sqrt(np.mean(np.sum(field**2, axis=1))))
