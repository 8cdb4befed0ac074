"""The script of the demonstration clip: what head and hands do at every moment.

Times are frame numbers at a nominal 10 Hz. A hand's motion is given as a place on the face and a
lift: how far it is from touching (positive) or how deep it presses (negative).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dice_ros.body.open_head import OpenHead
from dice_ros.synthesis.casting import HeadAngles
from dice_ros.synthesis.hand_spot import HandSpot
from dice_ros.synthesis.posture import Posture
from dice_ros.synthesis.scene import HeadState
from dice_ros.types import Float64Array, HandSide

RENDERED_FRAMES = 105
PHOTOGRAPH_FRAMES = 15

_HEAD_POSITION_M = (0.0, -0.035, 0.62)


@dataclass(frozen=True, slots=True)
class Key:
    """A moment of a hand's motion.

    Attributes:
        frame: when.
        lift_mm: distance from touching; negative values press into the skin.
        slide: 0 at the first of the two landmarks of the motion, 1 at the second.
        phase: what the hand is doing from here on.
    """

    frame: int
    lift_mm: float
    slide: float
    phase: str


@dataclass(frozen=True, slots=True)
class HandScript:
    """One hand's part of the story.

    Attributes:
        side, posture, spot: which hand touches how.
        landmarks: the two face landmarks between which it slides.
        keys: in order of time; the hand is away before the first and after the last.
    """

    side: HandSide
    posture: Posture
    spot: HandSpot
    landmarks: tuple[int, int]
    keys: tuple[Key, ...]

    def at(self, frame: int) -> Key | None:
        """Where the hand is in a frame; None if it is away."""
        times = [key.frame for key in self.keys]
        if not times[0] <= frame < times[-1]:
            return None
        before = int(np.searchsorted(times, frame, side="right")) - 1
        here, following = self.keys[before], self.keys[before + 1]
        share = (frame - here.frame) / (following.frame - here.frame)
        eased = share * share * (3.0 - 2.0 * share)
        return Key(
            frame,
            here.lift_mm + eased * (following.lift_mm - here.lift_mm),
            here.slide + eased * (following.slide - here.slide),
            here.phase,
        )


SCRIPTS = (
    HandScript(
        HandSide.RIGHT,
        Posture.RELAXED,
        HandSpot.FINGERTIPS,
        (205, 50),
        (
            Key(8, 150.0, 0.0, "approach"),
            Key(26, 0.0, 0.0, "touch"),
            Key(31, -0.5, 0.0, "press"),
            Key(41, -5.0, 0.0, "hold"),
            Key(44, -4.0, 0.0, "rub"),
            Key(50, -3.0, 1.0, "rub"),
            Key(56, -3.0, 0.0, "rub"),
            Key(62, -2.0, 1.0, "release"),
            Key(64, 2.0, 1.0, "release"),
            Key(74, 150.0, 1.0, "away"),
        ),
    ),
    HandScript(
        HandSide.LEFT,
        Posture.POINT,
        HandSpot.INDEX_TIP,
        (199, 199),
        (
            Key(76, 150.0, 0.0, "approach"),
            Key(87, 0.0, 0.0, "touch"),
            Key(91, -3.5, 0.0, "hold"),
            Key(95, -3.0, 0.0, "release"),
            Key(97, 2.0, 0.0, "release"),
            Key(105, 130.0, 0.0, "away"),
        ),
    ),
)


def head_at(frame: int, model: OpenHead, betas: Float64Array) -> HeadState:
    """The head in a frame: it looks around a little, blinks, and smiles after the rub."""
    time_s = 0.1 * frame
    angles = HeadAngles(
        yaw=0.07 * np.sin(0.9 * time_s) + 0.04,
        pitch=0.04 * np.sin(0.6 * time_s + 1.0),
        roll=0.03 * np.sin(0.5 * time_s),
    )
    sway = np.array([0.008 * np.sin(0.7 * time_s), 0.003 * np.sin(1.1 * time_s), 0.0])
    expression = np.zeros(len(model.expression_names))
    blink = max(_bump(frame, centre, 1.2) for centre in (5, 34, 70, 98))
    smile = 0.55 * _bump(frame, 72, 9.0) + 0.15
    levels = {
        "eyeBlinkLeft": 0.9 * blink,
        "eyeBlinkRight": 0.9 * blink,
        "mouthSmileLeft": smile,
        "mouthSmileRight": smile,
        "browInnerUp": 0.5 * _bump(frame, 86, 6.0),
        "jawOpen": 0.12 * _bump(frame, 100, 4.0),
    }
    for name, level in levels.items():
        expression[model.expression_names.index(name)] = level
    return HeadState(betas, expression, angles.matrix(), sway + _HEAD_POSITION_M)


def _bump(frame: int, centre: float, width: float) -> float:
    return float(np.exp(-0.5 * ((frame - centre) / width) ** 2))
