"""Hand postures as joint angles, and which spot of a posed hand meets the face."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np

from dice_ros.body.hand_pose import ANGLE_COUNT, HandPoser
from dice_ros.types import Float64Array


class Posture(enum.Enum):
    """How the fingers are held."""

    OPEN = "open"
    RELAXED = "relaxed"
    FIST = "fist"
    POINT = "point"
    TWO_FINGERS = "two_fingers"
    PINCH = "pinch"


class HandSpot(enum.Enum):
    """The spot of a hand that is meant to touch."""

    INDEX_TIP = "index_tip"
    FINGERTIPS = "fingertips"
    PALM = "palm"
    KNUCKLES = "knuckles"
    EDGE = "edge"


SPOTS_OF_POSTURE = {
    Posture.OPEN: (HandSpot.FINGERTIPS, HandSpot.PALM, HandSpot.EDGE),
    Posture.RELAXED: (HandSpot.FINGERTIPS, HandSpot.PALM),
    Posture.FIST: (HandSpot.KNUCKLES,),
    Posture.POINT: (HandSpot.INDEX_TIP,),
    Posture.TWO_FINGERS: (HandSpot.FINGERTIPS,),
    Posture.PINCH: (HandSpot.INDEX_TIP,),
}
"""Touches that look natural."""

_THUMB_OVER_FIST = [0.6, -0.6, 0.0, 0.5, 0.5]
_FINGERS = {"index": 5, "middle": 9, "ring": 13, "pinky": 17}


def posture_angles(posture: Posture, rng: np.random.Generator | None = None) -> Float64Array:
    """(21,) joint angles in radians, with natural variation if a generator is given."""
    angles = _MAKERS[posture]()
    if rng is not None:
        spread = np.full(ANGLE_COUNT, 0.06)
        spread[[6, 10, 14, 18]] = 0.03
        angles = angles + rng.normal(0.0, spread)
    return angles


def _fingers(flexions: dict[str, Float64Array], thumb: list[float]) -> Float64Array:
    """Angles from (base flexion, base abduction, middle, end) of each finger."""
    angles = np.zeros(ANGLE_COUNT)
    angles[:5] = thumb
    for finger, start in _FINGERS.items():
        angles[start : start + 4] = flexions[finger]
    return angles


def _straight(abduction: float, flexion: float = 0.05) -> Float64Array:
    return np.array([flexion, abduction, 0.08, 0.05])


def _curled(abduction: float = 0.0) -> Float64Array:
    return np.array([1.25, abduction, 1.65, 0.85])


def _open() -> Float64Array:
    return _fingers(
        {
            "index": _straight(0.06),
            "middle": _straight(0.0),
            "ring": _straight(-0.03),
            "pinky": _straight(-0.08),
        },
        [0.0, -0.1, 0.0, 0.05, 0.05],
    )


def _relaxed() -> Float64Array:
    return _fingers(
        {
            "index": np.array([0.30, 0.02, 0.35, 0.20]),
            "middle": np.array([0.36, 0.0, 0.42, 0.22]),
            "ring": np.array([0.42, -0.01, 0.46, 0.25]),
            "pinky": np.array([0.46, -0.03, 0.45, 0.25]),
        },
        [0.15, -0.25, 0.0, 0.15, 0.2],
    )


def _fist() -> Float64Array:
    return _fingers(
        {finger: _curled() for finger in _FINGERS},
        _THUMB_OVER_FIST,
    )


def _point() -> Float64Array:
    curled = {finger: _curled() for finger in _FINGERS}
    curled["index"] = np.array([0.15, 0.0, 0.15, 0.12])
    return _fingers(curled, _THUMB_OVER_FIST)


def _two_fingers() -> Float64Array:
    curled = {finger: _curled() for finger in _FINGERS}
    curled["index"] = np.array([0.30, 0.0, 0.28, 0.20])
    curled["middle"] = np.array([0.30, 0.0, 0.36, 0.22])
    return _fingers(curled, _THUMB_OVER_FIST)


def _pinch() -> Float64Array:
    return _fingers(
        {
            "index": np.array([0.72, 0.0, 0.77, 0.38]),
            "middle": np.array([0.40, 0.0, 0.50, 0.30]),
            "ring": np.array([0.38, 0.0, 0.45, 0.28]),
            "pinky": np.array([0.35, 0.0, 0.40, 0.25]),
        },
        [0.35, -0.17, 0.0, 0.27, 0.35],
    )


_MAKERS = {
    Posture.OPEN: _open,
    Posture.RELAXED: _relaxed,
    Posture.FIST: _fist,
    Posture.POINT: _point,
    Posture.TWO_FINGERS: _two_fingers,
    Posture.PINCH: _pinch,
}


@dataclass(frozen=True, slots=True, eq=False)
class TouchSpot:
    """Where a posed right hand touches and which way it presses, hand frame.

    Attributes:
        point: (3,) metres.
        direction: (3,) unit, out of the hand, into the face.
        arm: (3,) unit, from the wrist to the elbow.
    """

    point: Float64Array
    direction: Float64Array
    arm: Float64Array


def touch_spot(poser: HandPoser, angles: Float64Array, spot: HandSpot) -> TouchSpot:
    """Find a spot of the posed right hand.

    Args:
        poser: the mean-shaped hand.
        angles: (21,) radians.
        spot: which one.
    """
    posed = poser.joints(angles)
    joints, bones = posed.joints, posed.bone_rotations
    palm = poser.palm_normal
    arm = _unit(joints[0] - joints[9])
    if spot is HandSpot.INDEX_TIP:
        return TouchSpot(joints[8], _tip_direction(joints, bones, palm, 1), arm)
    if spot is HandSpot.FINGERTIPS:
        ahead = _tip_direction(joints, bones, palm, 1) + _tip_direction(joints, bones, palm, 2)
        return TouchSpot(0.5 * (joints[8] + joints[12]), _unit(ahead), arm)
    if spot is HandSpot.PALM:
        centre = 0.35 * joints[0] + 0.65 * joints[[5, 9, 13]].mean(0)
        return TouchSpot(centre, palm, arm)
    if spot is HandSpot.KNUCKLES:
        proximal = bones[[4, 7]] @ -palm
        return TouchSpot(joints[[5, 6, 9, 10]].mean(0), _unit(proximal.mean(0)), arm)
    ulnar = joints[17] - joints[5]
    ulnar = ulnar - arm * (arm @ ulnar)
    return TouchSpot(0.5 * (joints[0] + joints[17]), _unit(ulnar), arm)


def _tip_direction(
    joints: Float64Array, bones: Float64Array, palm: Float64Array, finger: int
) -> Float64Array:
    """Where a fingertip presses: the pad, a little towards the nail's end."""
    tip = 4 * (finger + 1)
    pad = bones[3 * finger + 3] @ palm
    along = _unit(joints[tip] - joints[tip - 1])
    return _unit(0.85 * pad + 0.5 * along)


def _unit(vector: Float64Array) -> Float64Array:
    return np.asarray(vector / np.linalg.norm(vector))
