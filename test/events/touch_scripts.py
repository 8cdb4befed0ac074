"""Scripted sequences of contacts, and what a detector tells of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dice_ros.camera import Camera
from dice_ros.events.touch_detector import TouchDetector
from dice_ros.events.touch_event import TouchEvent, TouchPhase
from dice_ros.settings import Settings
from dice_ros.types import (
    Box,
    Contact,
    ContactSource,
    DeformationSource,
    Face,
    Hand,
    HandSide,
    Interaction,
    Pose,
    ScaleSource,
    TouchDecision,
)

MS = 1_000_000
START_NS = 1_700_000_000_000_000_000
_NOTHING = np.zeros(0, dtype=np.float32)
_ROWS = np.zeros((0, 3), dtype=np.float32)


@dataclass(frozen=True)
class Seen:
    """A hand in a frame: how probably it touches, and the places ((part, region), mm^2)."""

    probability: float
    places: tuple[tuple[tuple[str, str], float], ...] = ((("index_tip", "right_cheek"), 50.0),)
    depth_mm: float = 2.0


def touching(region="right_cheek", part="index_tip", probability=0.9, depth_mm=2.0):
    return Seen(probability, (((part, region), 50.0),), depth_mm)


HOVERING = Seen(0.1, ())


def at_gap(gap_mm, offset=0.6, region="right_cheek"):
    """A hand whose contact is inferred; ``offset``: log odds of this person's touching hand.

    Log odds fall by 0.17 for a centimetre, as they do at 0.6 m.
    """
    return touching(region, probability=float(1.0 / (1.0 + np.exp(0.017 * gap_mm - offset))))


def person(stamp_ns, hands, *, person_id=1, face=True, source=ContactSource.NETWORK):
    """An interaction; ``hands`` maps sides to :class:`Seen`."""
    return Interaction(
        stamp_ns=stamp_ns,
        frame_id="camera",
        person_id=person_id,
        source="script",
        face=_face() if face else None,
        hands=tuple(_hand(side, seen) for side, seen in hands.items()),
        contacts=tuple(
            _contact(side, seen, place, area)
            for side, seen in hands.items()
            for place, area in seen.places
        ),
        camera=Camera.assume(640, 480, 1.2),
        scale_source=ScaleSource.NETWORK,
        contact_source=source,
        deformation_source=DeformationSource.NETWORK,
    )


class Stage:
    """Plays to a detector and keeps what it tells; times in milliseconds from the start."""

    def __init__(self, **settings):
        self.detector = TouchDetector(Settings.from_mapping(settings))
        self.events: list[TouchEvent] = []

    def frame(self, ms, *people):
        self.events += self.detector.update(START_NS + round(ms * MS), people)

    def right(self, ms, seen, **options):
        """A frame with one person whose right hand is seen so; None shows no hand."""
        hands = {} if seen is None else {HandSide.RIGHT: seen}
        self.frame(ms, person(START_NS + round(ms * MS), hands, **options))

    def play(self, first_ms, last_ms, seen, step_ms=33.0, **options):
        """The right hand, from and up to times."""
        for ms in np.arange(first_ms, last_ms + 1e-6, step_ms):
            self.right(float(ms), seen, **options)

    def finish(self):
        self.events += self.detector.finish()
        return self

    @property
    def offsets(self):
        return [event for event in self.events if event.phase is TouchPhase.OFFSET]

    @property
    def onsets(self):
        return [event for event in self.events if event.phase is TouchPhase.ONSET]


def ms(stamp_ns):
    return (stamp_ns - START_NS) / MS


def _face():
    return Face(
        confidence=1.0,
        box=Box(0, 0, 1, 1),
        pose=Pose(np.eye(3), np.zeros(3)),
        topology="none",
        vertices=_ROWS,
        deformation=_ROWS,
        contact=_NOTHING,
        landmarks=_ROWS,
        landmarks_image=np.zeros((0, 2), dtype=np.float32),
        betas=_NOTHING,
        expression=_NOTHING,
        fit_rms_px=0.0,
    )


def _hand(side, seen):
    return Hand(
        side=side,
        confidence=1.0,
        box=Box(0, 0, 1, 1),
        topology="none",
        vertices=_ROWS,
        joints=np.zeros((21, 3), dtype=np.float32),
        contact=_NOTHING,
        contact_presence=seen.probability,
        touch=TouchDecision.CONTACT if seen.probability >= 0.5 else TouchDecision.UNCERTAIN,
        global_orient=np.zeros(3, dtype=np.float32),
        transl=np.zeros(3, dtype=np.float32),
        hand_pose=_NOTHING,
        betas=_NOTHING,
        scale=1.0,
        depth_ratio=1.0,
        fit_rms_px=0.0,
    )


def _contact(side, seen, place, area):
    return Contact(
        side=side,
        hand_part=place[0],
        face_region=place[1],
        probability=seen.probability,
        area_mm2=area,
        depth_mm=seen.depth_mm,
        centre=np.array([0.0, 0.0, 0.5], dtype=np.float32),
        normal=np.array([0.0, 0.0, -1.0], dtype=np.float32),
        face_vertex_count=3,
        hand_vertex_count=3,
    )
