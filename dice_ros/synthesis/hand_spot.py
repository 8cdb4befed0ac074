"""Which spot of a posed hand meets the face, and from which direction."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np

from dice_ros.body.hand_pose import HandPoser
from dice_ros.body.vertex_normals import vertex_normals
from dice_ros.synthesis.posture import Posture
from dice_ros.types import BoolArray, Float32Array, Float64Array


class HandSpot(enum.Enum):
    """The spot of a hand that is meant to touch."""

    INDEX_TIP = "index_tip"
    FINGERTIPS = "fingertips"
    PALM = "palm"
    KNUCKLES = "knuckles"
    EDGE = "edge"
    PINCH = "pinch"


SPOTS_OF_POSTURE = {
    Posture.OPEN: (HandSpot.FINGERTIPS,),
    Posture.FLAT: (HandSpot.PALM, HandSpot.EDGE),
    Posture.RELAXED: (HandSpot.FINGERTIPS,),
    Posture.FIST: (HandSpot.KNUCKLES,),
    Posture.POINT: (HandSpot.INDEX_TIP,),
    Posture.TWO_FINGERS: (HandSpot.FINGERTIPS,),
    Posture.PINCH: (HandSpot.PINCH,),
}
"""Touches that look natural."""

_DIRECTIONS = 600
_CLEAR_M = 0.006
_LEAST_ALIGNMENT = 0.45
_TIP_RADIUS_M = 0.016


@dataclass(frozen=True, slots=True, eq=False)
class TouchSpot:
    """Where a posed right hand touches and which way it presses, hand frame.

    Attributes:
        point: (3,) metres, on the skin of the hand.
        direction: (3,) unit, out of the hand, into the face.
        arm: (3,) unit, from the wrist to the elbow.
        tolerance: metres, how far from the wanted place the first contact may be.
    """

    point: Float64Array
    direction: Float64Array
    arm: Float64Array
    tolerance: float


@dataclass(frozen=True, slots=True, eq=False)
class _Wish:
    """What has to be in front: one (V,) bool per group, all alike, in about this direction."""

    groups: tuple[BoolArray, ...]
    direction: Float64Array
    tolerance: float


def touch_spot(poser: HandPoser, angles: Float64Array, spot: HandSpot) -> TouchSpot:
    """Find a spot of the posed right hand, and the direction in which it sticks out most.

    Args:
        poser: the mean-shaped hand.
        angles: (21,) radians.
        spot: which one.
    """
    posed = poser.joints(angles)
    vertices = poser.vertices(posed)
    wish = _wish(poser, angles, vertices, spot)
    direction = _most_prominent(vertices, wish)
    joints = posed.joints
    arm = joints[0] - joints[9]
    front = [vertices[group][(vertices[group] @ direction).argmax()] for group in wish.groups]
    point: Float64Array = np.stack(front).mean(0).astype(np.float64)
    return TouchSpot(point, direction, arm / np.linalg.norm(arm), wish.tolerance)


def _wish(poser: HandPoser, angles: Float64Array, vertices: Float32Array, spot: HandSpot) -> _Wish:
    posed = poser.joints(angles)
    joints, bones, palm = posed.joints, posed.bone_rotations, poser.palm_normal
    normals = vertex_normals(vertices, poser.hand.triangles)
    if spot is HandSpot.INDEX_TIP:
        return _Wish((_near(vertices, joints[8]),), bones[6] @ palm, 0.015)
    if spot is HandSpot.FINGERTIPS:
        tips = (_near(vertices, joints[8]), _near(vertices, joints[12]))
        return _Wish(tips, _unit(bones[6] @ palm + bones[9] @ palm), 0.03)
    if spot is HandSpot.PINCH:
        pinched = _near(vertices, joints[8]) | _near(vertices, joints[4])
        return _Wish((pinched,), _unit(0.5 * (joints[8] + joints[4]) - joints[0]), 0.02)
    if spot is HandSpot.PALM:
        centre = 0.3 * joints[0] + 0.7 * joints[[5, 9, 13]].mean(0)
        near = np.linalg.norm(vertices - centre, axis=1) < 0.045
        return _Wish((near & (normals @ palm > 0.5),), palm, 0.05)
    if spot is HandSpot.KNUCKLES:
        near = np.linalg.norm(vertices - joints[[5, 6, 9, 10]].mean(0), axis=1) < 0.035
        back = _unit((bones[[4, 7]] @ -palm).mean(0))
        return _Wish((near & (normals @ back > 0.3),), back, 0.03)
    along = _unit(joints[0] - joints[9])
    ulnar = joints[17] - joints[5]
    ulnar = _unit(ulnar - along * (along @ ulnar))
    near = np.linalg.norm(vertices - 0.5 * (joints[0] + joints[18]), axis=1) < 0.06
    return _Wish((near & (normals @ ulnar > 0.5),), ulnar, 0.045)


def _most_prominent(vertices: Float32Array, wish: _Wish) -> Float64Array:
    """The direction in which every group leads over the rest of the hand.

    Among directions that give a lead of at least :data:`_CLEAR_M`, the one nearest to the wish.
    """
    directions = _sphere(_DIRECTIONS)
    alignment = directions @ wish.direction
    kept = alignment > _LEAST_ALIGNMENT
    directions, alignment = directions[kept], alignment[kept]
    height = vertices @ directions.T  # (V, D)
    rest = ~np.logical_or.reduce(wish.groups)
    fronts = np.stack([height[group].max(0) for group in wish.groups])
    uneven = fronts.max(0) - fronts.min(0)
    lead = fronts.min(0) - height[rest].max(0)
    score = np.minimum(lead, _CLEAR_M) - uneven + 0.01 * alignment
    return np.asarray(directions[score.argmax()], dtype=np.float64)


def _sphere(count: int) -> Float64Array:
    """(N, 3) unit vectors, evenly spread (golden spiral)."""
    number = np.arange(count) + 0.5
    z = 1.0 - 2.0 * number / count
    radius, turn = np.sqrt(1.0 - z * z), np.pi * (1.0 + np.sqrt(5.0)) * number
    return np.stack([radius * np.cos(turn), radius * np.sin(turn), z], axis=1)


def _near(vertices: Float32Array, tip: Float64Array) -> BoolArray:
    return np.asarray(np.linalg.norm(vertices - tip, axis=1) < _TIP_RADIUS_M)


def _unit(vector: Float64Array) -> Float64Array:
    return np.asarray(vector / np.linalg.norm(vector))
