"""The estimator ``dice+interwild``: a head with the hand at it, and the other hand.

DICE knows a head and one hand at it; InterWild knows two hands and no head. So DICE reconstructs
head, contact, deformation and the hand nearest to the face; the other hand is InterWild's. While
the hands interact the other wrist stands where InterWild says it is relative to the first one;
otherwise the other hand stands where its own picture places it. All is in the camera frame.

Without a face, or without hands, one of the two networks answers alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import numpy as np

from dice_ros.box_overlap import overlap
from dice_ros.estimators.dice.estimator import DiceEstimator
from dice_ros.estimators.interwild.estimator import (
    SYNTHETIC_NAME,
    InterWildEstimator,
    ReadHands,
    between_wrists,
)
from dice_ros.settings import Settings
from dice_ros.stopwatch import Stopwatch
from dice_ros.types import (
    Box,
    FaceLandmarks,
    Float64Array,
    Hand,
    HandLandmarks,
    HandSide,
    Interaction,
    MeshTopology,
    PersonObservation,
)

NAME = "dice+interwild"
_SAME_HAND_OVERLAP = 0.2
_OTHER = {HandSide.RIGHT: HandSide.LEFT, HandSide.LEFT: HandSide.RIGHT}


class DiceInterWildEstimator:
    """Runs both networks; see the module's text.

    Args:
        dice, interwild: opened with the same settings.
    """

    def __init__(self, dice: DiceEstimator, interwild: InterWildEstimator) -> None:
        self._dice, self._interwild = dice, interwild
        names = (dice.name, interwild.name)
        self._name = SYNTHETIC_NAME if SYNTHETIC_NAME in names else NAME

    @property
    def name(self) -> str:
        """Published as ``source``: ``dice+interwild``, or ``synthetic`` with any stand-in."""
        return self._name

    @property
    def topologies(self) -> tuple[MeshTopology, ...]:
        """Head, right hand, left hand."""
        known = {item.id: item for item in (*self._dice.topologies, *self._interwild.topologies)}
        return tuple(known.values())

    @property
    def status(self) -> Mapping[str, str]:
        """What both engines say."""
        return {**self._dice.status, **self._interwild.status}

    def apply(self, settings: Settings) -> None:
        """Take over changed live settings from the next frame on."""
        self._dice.apply(settings)
        self._interwild.apply(settings)

    def keep_only(self, person_ids: frozenset[int]) -> None:
        """Forget everybody else."""
        self._dice.keep_only(person_ids)
        self._interwild.keep_only(person_ids)

    def memory(self) -> object:
        """What both know of everybody."""
        return (self._dice.memory(), self._interwild.memory())

    def restore(self, memory: object) -> None:
        """Take over what another estimator of this kind knew."""
        dice, interwild = cast(tuple[object, object], memory)
        self._dice.restore(dice)
        self._interwild.restore(interwild)

    def reset(self) -> None:
        """Forget everybody."""
        self._dice.reset()
        self._interwild.reset()

    def close(self) -> None:
        """Free both networks."""
        self._dice.close()
        self._interwild.close()

    def estimate(self, observation: PersonObservation) -> Interaction:
        """Reconstruct one person.

        Raises:
            EstimationError: a network's output is not finite, or places nothing.
        """
        face = observation.face
        if face is None:
            return replace(self._interwild.estimate(observation), source=self._name)
        watch = Stopwatch()
        read = self._interwild.read(observation, watch)
        observation = with_sides_of(read, observation)
        at_face = hand_at_face(face, observation.hands)
        shown = () if at_face is None else (at_face,)
        found = self._dice.estimate(replace(observation, hands=shown))
        hands = list(found.hands)
        if found.hands:
            hands += self._other_hand(found.hands[0], read, observation)
        else:
            hands += [self._interwild.hand(hand, observation) for hand in read.placed.values()]
        return replace(
            found,
            source=self._name,
            hands=tuple(hands),
            timings=(*watch.timings, *found.timings),
        )

    def _other_hand(
        self, first: Hand, read: ReadHands, observation: PersonObservation
    ) -> list[Hand]:
        """InterWild's other hand, at most one."""
        side = _OTHER[first.side]
        placed = read.placed.get(side)
        if placed is None:
            return []
        if read.together:
            wrist = first.transl.astype(np.float64) + between_wrists(read, first.side, side)
            placed = placed.moved(wrist - placed.wrist)
        return [self._interwild.hand(placed, observation)]


def with_sides_of(read: ReadHands, observation: PersonObservation) -> PersonObservation:
    """What perception saw, with InterWild's word on which hand is which.

    A hand whose box is that of a hand InterWild **found** takes its side. Boxes that were given
    came with a side, and InterWild has no opinion of its own then.
    """
    found = [hand.seen for hand in read.placed.values() if hand.seen.confidence is not None]
    if not found:
        return observation
    hands: dict[HandSide, HandLandmarks] = {}
    for landmarks in observation.hands:
        shares = [float(overlap(_corners(landmarks.box), hand.box)) for hand in found]
        best = int(np.argmax(shares))
        side = found[best].side if shares[best] >= _SAME_HAND_OVERLAP else landmarks.side
        # The surer one keeps a side that two hands are said to be.
        rival = hands.get(side)
        if rival is None or rival.presence < landmarks.presence:
            hands[side] = replace(landmarks, side=side)
    return replace(observation, hands=tuple(hands.values()))


def hand_at_face(face: FaceLandmarks, hands: tuple[HandLandmarks, ...]) -> HandLandmarks | None:
    """The hand whose box is nearest to the face's; of several that overlap it, the larger share."""
    if not hands:
        return None
    box = _corners(face.box)
    return min(
        hands,
        key=lambda hand: (
            _gap(_corners(hand.box), box),
            -float(overlap(_corners(hand.box), box)),
        ),
    )


def _gap(first: Float64Array, second: Float64Array) -> float:
    """Pixels between two boxes; 0 if they touch."""
    apart = np.maximum(first[:2] - second[2:], second[:2] - first[2:])
    return float(np.linalg.norm(np.maximum(apart, 0.0)))


def _corners(box: Box) -> Float64Array:
    return np.array([box.x, box.y, box.x + box.width, box.y + box.height])
