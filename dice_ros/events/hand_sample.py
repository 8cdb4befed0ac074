"""What one frame says about whether one hand touches."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dice_ros.types import Contact, Float32Array, HandSide, Interaction


class Sight(enum.Enum):
    """What of a person was seen in a frame, as far as one hand is concerned."""

    SEEN = "seen"
    NO_HAND = "no_hand"
    NO_FACE = "no_face"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """All skin that one hand touches in one frame.

    Attributes:
        weights: for each touching (hand part, face region), most important first, the sum of
            area times probability, mm^2.
        area_mm2: touched area.
        depth_mm: largest indentation.
        centre: (3,) float32, metres, cam.
    """

    weights: tuple[tuple[tuple[str, str], float], ...]
    area_mm2: float
    depth_mm: float
    centre: Float32Array


@dataclass(frozen=True, slots=True, eq=False)
class HandSample:
    """One hand in one frame.

    Attributes:
        sight: whether hand and face were seen; the rest means nothing if not.
        probability: that the hand touches the face, 0..1.
        patch: where; None if no place is known.
    """

    sight: Sight
    probability: float = 0.0
    patch: Patch | None = None


UNSEEN = HandSample(Sight.NOBODY)
"""A hand of somebody who is not in the frame."""


def hand_samples(interaction: Interaction) -> dict[HandSide, HandSample]:
    """Both hands of a person.

    The probability is ``Hand.contact_presence`` whatever was decided from it: it is the one number
    that every estimator gives for "touches at all", and it is continuous, so that two levels of it
    make a hysteresis. ``Contact.probability`` is not: where contact is ``UNCERTAIN`` the hand is
    drawn between hovering and touching, and no vertex may be near.
    """
    if interaction.face is None:
        sight = Sight.NO_FACE if interaction.hands else Sight.NOBODY
        return dict.fromkeys(HandSide, HandSample(sight))
    found = dict.fromkeys(HandSide, HandSample(Sight.NO_HAND))
    for hand in interaction.hands:
        # Messages hold single precision: the same events come from a file as from its making.
        probability = float(np.float32(hand.contact_presence))
        found[hand.side] = HandSample(
            Sight.SEEN, probability, _patch(interaction.contacts, hand.side)
        )
    return found


def _patch(contacts: Sequence[Contact], side: HandSide) -> Patch | None:
    own = [contact for contact in contacts if contact.side is side]
    if not own:
        return None
    areas = [float(np.float32(contact.area_mm2)) for contact in own]
    weights: dict[tuple[str, str], float] = {}
    for contact, area in zip(own, areas, strict=True):
        place = contact.hand_part, contact.face_region
        weights[place] = weights.get(place, 0.0) + area * float(np.float32(contact.probability))
    total = sum(areas)
    shares = np.array(areas) / total if total > 0.0 else np.full(len(own), 1.0 / len(own))
    centre = shares @ np.stack([contact.centre for contact in own]).astype(np.float64)
    return Patch(
        weights=tuple(sorted(weights.items(), key=lambda item: (-item[1], item[0]))),
        area_mm2=total,
        depth_mm=max(float(np.float32(contact.depth_mm)) for contact in own),
        centre=centre.astype(np.float32),
    )
