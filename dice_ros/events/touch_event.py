"""What is told about a touch: one hand of one person on the person's own face, over time.

A touch is told at its onset, now and then while it lasts, and once at its offset. All times are
stamps of images, integer nanoseconds.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from dice_ros.types import ContactSource, Float32Array, HandSide


class TouchPhase(enum.Enum):
    """Which part of a touch's life an event tells of."""

    ONSET = "onset"
    UPDATE = "update"
    OFFSET = "offset"


class TouchEnd(enum.Enum):
    """Why a touch ended; only ``RELEASED`` was seen to end, all others were lost from sight."""

    RELEASED = "released"
    """The hand left the face."""
    HAND_LOST = "hand_lost"
    """The hand was not found for longer than a touch is kept."""
    FACE_LOST = "face_lost"
    """The face was not found for longer than a touch is kept."""
    PERSON_LOST = "person_lost"
    """Neither was found, or the person was taken for a new one."""
    INPUT_GAP = "input_gap"
    """No image came for longer than a touch is kept."""
    CLOCK_JUMP = "clock_jump"
    """Stamps went back."""
    END_OF_INPUT = "end_of_input"
    """The recording ended, or the node was deactivated."""


@dataclass(frozen=True, slots=True)
class TouchPlace:
    """A stretch of a touch at one place.

    Attributes:
        hand_part: the part of the hand that touched most of all, as in ``Contact``.
        face_region: the region of the face it touched.
        start_ns, end_ns: from when until when. A place ends where the next one starts; the last
            one ends with the touch or, while it lasts, with the latest image of it.
    """

    hand_part: str
    face_region: str
    start_ns: int
    end_ns: int

    @property
    def dwell_s(self) -> float:
        """Seconds at this place."""
        return 1e-9 * (self.end_ns - self.start_ns)


@dataclass(frozen=True, slots=True, eq=False)
class TouchEvent:
    """One touch as it is known at one moment. The offset tells all about it; nothing else is
    needed to count touches.

    Attributes:
        phase: onset, update or offset. Every touch has exactly one onset and one offset, in this
            order, with the same ``touch_id``.
        touch_id: from 1, never used twice by one detector (a camera of a results file, or a node
            as long as it runs), in the order of onsets.
        person_id: as in ``Interaction``.
        side: which hand of the person.
        frame_id: camera optical frame of ``centre``.
        source: name of the estimator.
        contact_source: how it knows of contact.
        stamp_ns: stamp of the image that showed this, of the last one before it if stamps went
            back or the input ended.
        start_ns: stamp of the first image of the touch; an onset is told a moment later, once it
            has lasted.
        end_ns: stamp of the last image of the touch; None until the offset.
        end: why it ended; None until the offset.
        hand_part, face_region: where the touch dwelt longest so far; the first one in ``path`` of
            equals.
        hand_parts, face_regions: all that took part so far for longer than a moment, also beside
            the main place, most contact first; never empty.
        path: the main places in the order of time; it starts with the touch, has no gaps, and
            successive places differ. Never empty.
        peak_depth_mm: deepest indentation of the skin so far, mm.
        peak_area_mm2: largest touched skin area so far, mm^2, all places of one image together.
        mean_probability: mean probability of touching over the time that the hand was seen.
        peak_probability: the largest.
        confidence: 0..1, ``mean_probability`` with the time that was bridged (hand, face or images
            missing) counted as zero.
        centre: (3,) float32, metres, cam, where the face was touched last (centre of the area).
    """

    phase: TouchPhase
    touch_id: int
    person_id: int
    side: HandSide
    frame_id: str
    source: str
    contact_source: ContactSource
    stamp_ns: int
    start_ns: int
    end_ns: int | None
    end: TouchEnd | None
    hand_part: str
    face_region: str
    hand_parts: tuple[str, ...]
    face_regions: tuple[str, ...]
    path: tuple[TouchPlace, ...]
    peak_depth_mm: float
    peak_area_mm2: float
    mean_probability: float
    peak_probability: float
    confidence: float
    centre: Float32Array

    @property
    def duration_s(self) -> float:
        """Seconds from the start to the end; to ``stamp_ns`` while the touch lasts."""
        end_ns = self.stamp_ns if self.end_ns is None else self.end_ns
        return 1e-9 * (end_ns - self.start_ns)
