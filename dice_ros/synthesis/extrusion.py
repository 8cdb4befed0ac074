"""Arms, necks and shoulders: tubes that carry on where the open meshes end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from dice_ros.body.rotation import (
    axis_angle_from_matrix,
    matrix_from_axis_angle,
    rotation_about,
)
from dice_ros.synthesis.scene import HeadState
from dice_ros.types import Float64Array, Int32Array

_FOREARM_LENGTH_M = 0.25
_ARM_GROWTH = 0.45
_SPINE_STEP_M, _RING_STEP_M = 0.005, 0.015
_ELBOW_ROUNDING_M = 0.035
_SMOOTH_AFTER_M = 0.05  # the wrist's ragged rim has become a smooth ring this far on
_SLEEVE_START_M = 0.12
_COLLAR = 0.13  # share of the torso's rings that are bare neck
_LEAN = 0.3

# Torso rings: height below the eyes, half width, half depth, distance behind the eyes; metres.
_TORSO_PROFILE_M = np.array(
    [
        [0.178, 0.078, 0.066, 0.100],
        [0.192, 0.110, 0.076, 0.102],
        [0.208, 0.150, 0.086, 0.104],
        [0.235, 0.185, 0.096, 0.106],
        [0.285, 0.204, 0.106, 0.106],
        [0.400, 0.206, 0.114, 0.105],
        [0.700, 0.190, 0.115, 0.105],
    ]
)
_SHOULDER_SQUARENESS = 2.6


@dataclass(frozen=True, slots=True, eq=False)
class Tube:
    """A tube that continues another mesh.

    Attributes:
        vertices: (V, 3) float64, metres, cam; the first ring lies on the other mesh's rim.
        triangles: (F, 3) int32, counter-clockwise seen from outside.
        cloth: (V,) float64, rising along the tube; covered by cloth where positive.
        rim: (S,) int32, vertices of the other mesh that coincide with the first S of this one.
    """

    vertices: Float64Array
    triangles: Int32Array
    cloth: Float64Array
    rim: Int32Array


@dataclass(frozen=True, slots=True, eq=False)
class ArmPath:
    """Where an arm goes, metres, cam.

    Attributes:
        elbow: (3,) the point the forearm heads for.
        shoulder: (3,) where the upper arm ends; None for a forearm alone.
    """

    elbow: Float64Array
    shoulder: Float64Array | None = None


def boundary_loop(triangles: Int32Array) -> Int32Array:
    """Vertices of an open mesh's longest boundary, in the order its triangles go around it."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    paired = {(int(b), int(a)) for a, b in edges}
    following = {int(a): int(b) for a, b in edges if (int(a), int(b)) not in paired}
    loops: list[list[int]] = []
    while following:
        start, after = following.popitem()
        loop = [start]
        while after != start:
            loop.append(after)
            after = following.pop(after)
        loops.append(loop)
    return np.array(max(loops, key=len), dtype=np.int32)


def extrude_arm(
    hand_vertices: NDArray[np.floating],
    rim: Int32Array,
    middle_knuckle: Float64Array,
    path: ArmPath,
) -> Tube:
    """An arm from a wrist.

    Args:
        hand_vertices: (V, 3) metres, cam.
        rim: (S,) the wrist's boundary, in order.
        middle_knuckle: (3,) where the middle finger begins; sets the arm's first direction.
        path: where elbow and shoulder are.
    """
    loop = hand_vertices[rim].astype(np.float64)
    centre = loop.mean(0)
    axis = _unit(centre - middle_knuckle)
    offset = loop - centre
    ahead = offset @ axis
    radial = offset - ahead[:, None] * axis
    smooth = radial * (_smooth_radius(radial, axis) / np.linalg.norm(radial, axis=1))[:, None]
    spine = _spine(centre, axis, path)
    distances = np.arange(len(spine)) * _SPINE_STEP_M
    tangents = np.gradient(spine, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    tangents[0] = axis

    rings, turn, before = [], np.eye(3), axis
    every = round(_RING_STEP_M / _SPINE_STEP_M)
    for distance, tangent in zip(distances[::every], tangents[::every], strict=True):
        turn = _rotation_between(before, tangent) @ turn
        before = tangent
        settled = min(1.0, distance / _SMOOTH_AFTER_M)
        girth = 1.0 + _ARM_GROWTH * np.sin(0.5 * np.pi * min(1.0, distance / _FOREARM_LENGTH_M))
        across = girth * (radial + settled * (smooth - radial))
        reach = distance + (1.0 - settled) * ahead
        place = np.stack([np.interp(reach, distances, spine[:, i]) for i in range(3)], axis=1)
        place += np.minimum(reach, 0.0)[:, None] * axis
        rings.append(place + across @ turn.T)
    rings[0] = loop
    cloth: Float64Array = np.asarray(distances[::every] - _SLEEVE_START_M, dtype=np.float64)
    return _loft(np.stack(rings), rim, cloth)


def _spine(wrist: Float64Array, axis: Float64Array, path: ArmPath) -> Float64Array:
    """(N, 3) points every :data:`_SPINE_STEP_M` from the wrist over the elbow to the shoulder."""
    goal = _unit(path.elbow - wrist)
    along = np.arange(0.0, 1.0, _SPINE_STEP_M / _FOREARM_LENGTH_M)[:, None]
    # The forearm's direction turns evenly from ``axis`` to ``goal``: a parabola.
    forearm = wrist + _FOREARM_LENGTH_M * (along * axis + 0.5 * along**2 * (goal - axis))
    if path.shoulder is None:
        return np.asarray(forearm)
    upper = path.shoulder - forearm[-1]
    steps = max(2, int(np.linalg.norm(upper) / _SPINE_STEP_M))
    spine = np.concatenate([forearm, forearm[-1] + np.arange(1, steps)[:, None] / steps * upper])
    width = round(_ELBOW_ROUNDING_M / _SPINE_STEP_M)
    rounded = uniform_filter1d(spine, 2 * width + 1, axis=0, mode="nearest")
    # Only the elbow is rounded; the ends stay where they are.
    position = np.arange(len(spine)) * _SPINE_STEP_M
    share = np.clip((position - 0.5 * _FOREARM_LENGTH_M) / (0.25 * _FOREARM_LENGTH_M), 0.0, 1.0)
    return np.asarray(spine + share[:, None] * (rounded - spine))


def extrude_torso(head_vertices: NDArray[np.floating], rim: Int32Array, state: HeadState) -> Tube:
    """Neck and shoulders that grow out of the rim of a head.

    Args:
        head_vertices: (V, 3) metres, cam.
        rim: (S,) the neck's boundary, in order.
        state: pose of the head.
    """
    loop = head_vertices[rim].astype(np.float64)
    lean = matrix_from_axis_angle(_LEAN * axis_angle_from_matrix(state.rotation))
    own = (loop - state.translation) @ lean
    middle = own.mean(0)
    angle = np.arctan2(own[:, 0] - middle[0], middle[2] - own[:, 2])
    sine, cosine = np.sin(angle), np.cos(angle)
    radius = _smooth_wave(angle, np.hypot(own[:, 0] - middle[0], own[:, 2] - middle[2]))
    height = _smooth_wave(angle, own[:, 1])
    rings = [loop]
    for ring, (down, width, depth, back) in enumerate(_TORSO_PROFILE_M):
        # Shoulders are squarer than an ellipse; the neck is round.
        power = 2.0 + (_SHOULDER_SQUARENESS - 2.0) * min(1.0, ring / 3.0)
        length = (np.abs(sine) ** power + np.abs(cosine) ** power) ** (-1.0 / power)
        shape = np.stack(
            [width * length * sine, np.full_like(sine, down), back - depth * length * cosine],
            axis=1,
        )
        # The first rings still follow the neck, evened out.
        neck = np.stack(
            [
                middle[0] + radius * sine,
                height + 0.012 * (ring + 1.0),
                middle[2] - radius * cosine,
            ],
            axis=1,
        )
        points = shape + 0.75 * 0.5**ring * (neck - shape)
        rings.append(points @ lean.T + state.translation)
    refined = _refined(np.stack(rings))
    return _loft(refined, rim, np.linspace(-_COLLAR, 1.0 - _COLLAR, len(refined)))


def shoulder_of(state: HeadState, outward: float) -> Float64Array:
    """(3,) metres, cam: inside the shoulder on one side.

    Args:
        state: pose of the head.
        outward: -1 for the person's right shoulder, 1 for the left.
    """
    lean = matrix_from_axis_angle(_LEAN * axis_angle_from_matrix(state.rotation))
    return np.asarray(lean @ (0.16 * outward, 0.27, 0.11) + state.translation)


def _smooth_radius(radial: Float64Array, axis: Float64Array) -> Float64Array:
    """(S,) radius of an ellipse-like outline fitted to a ring."""
    side = _unit(np.cross(axis, [0.3, 0.5, 0.8]))
    up = np.cross(axis, side)
    angle = np.arctan2(radial @ up, radial @ side)
    return _smooth_wave(angle, np.linalg.norm(radial, axis=1))


def _smooth_wave(angle: Float64Array, values: Float64Array) -> Float64Array:
    """Two Fourier orders fitted to values around a circle, at the same angles."""
    waves = [np.ones_like(angle)]
    for order in (1, 2):
        waves += [np.cos(order * angle), np.sin(order * angle)]
    basis = np.stack(waves, axis=1)
    return np.asarray(basis @ np.linalg.lstsq(basis, values, rcond=None)[0])


def _refined(rings: Float64Array) -> Float64Array:
    """Put two rings between each pair, along a Catmull-Rom curve."""
    padded = np.concatenate([2 * rings[:1] - rings[1:2], rings, 2 * rings[-1:] - rings[-2:-1]])
    before, here, after, beyond = padded[:-3], padded[1:-2], padded[2:-1], padded[3:]
    pieces = []
    for share in (0.0, 1 / 3, 2 / 3):
        square, cube = share**2, share**3
        pieces.append(
            0.5
            * (
                2.0 * here
                + (after - before) * share
                + (2.0 * before - 5.0 * here + 4.0 * after - beyond) * square
                + (3.0 * here - before - 3.0 * after + beyond) * cube
            )
        )
    between = np.stack(pieces, axis=1).reshape(-1, *rings.shape[1:])
    return np.concatenate([between, rings[-1:]])


def _loft(rings: Float64Array, rim: Int32Array, cloth: Float64Array) -> Tube:
    """Join rings (R, S, 3), with ``cloth`` (R,) per ring."""
    count, segments = rings.shape[:2]
    index = np.arange(count * segments).reshape(count, segments)
    after = np.roll(index, -1, axis=1)
    a, b, c, d = (part.ravel() for part in (index[:-1], index[1:], after[1:], after[:-1]))
    # A shared edge is run through in opposite directions by its two triangles.
    triangles = np.concatenate([np.stack([a, c, d], axis=1), np.stack([a, b, c], axis=1)])
    return Tube(rings.reshape(-1, 3), triangles.astype(np.int32), np.repeat(cloth, segments), rim)


def _unit(vector: Float64Array) -> Float64Array:
    return np.asarray(vector / np.linalg.norm(vector))


def _rotation_between(source: Float64Array, target: Float64Array) -> Float64Array:
    """The smallest rotation that turns one unit vector onto another."""
    axis = np.cross(source, target)
    sine = float(np.linalg.norm(axis))
    if sine < 1e-9:
        return np.eye(3)
    return rotation_about(axis / sine, np.arctan2(sine, source @ target))
