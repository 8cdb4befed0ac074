"""Hand postures as joint angles of the open hand."""

from __future__ import annotations

import enum

import numpy as np

from dice_ros.body.hand_pose import ANGLE_COUNT
from dice_ros.types import Float64Array


class Posture(enum.Enum):
    """How the fingers are held."""

    OPEN = "open"
    FLAT = "flat"
    RELAXED = "relaxed"
    FIST = "fist"
    POINT = "point"
    TWO_FINGERS = "two_fingers"
    PINCH = "pinch"


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


def _flat() -> Float64Array:
    """Fingers together and stretched, thumb in the plane of the palm."""
    return _fingers(
        {
            "index": _straight(-0.06, -0.10),
            "middle": _straight(0.0, -0.10),
            "ring": _straight(0.03, -0.10),
            "pinky": _straight(0.08, -0.10),
        },
        [-0.5, -0.3, 0.0, 0.0, 0.0],
    )


def _relaxed() -> Float64Array:
    return _fingers(
        {
            "index": np.array([0.30, 0.02, 0.35, 0.20]),
            "middle": np.array([0.36, 0.0, 0.42, 0.22]),
            "ring": np.array([0.55, -0.01, 0.55, 0.30]),
            "pinky": np.array([0.68, -0.03, 0.60, 0.30]),
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
    Posture.FLAT: _flat,
    Posture.RELAXED: _relaxed,
    Posture.FIST: _fist,
    Posture.POINT: _point,
    Posture.TWO_FINGERS: _two_fingers,
    Posture.PINCH: _pinch,
}
