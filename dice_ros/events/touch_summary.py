"""What many touches amount to: how often, how long, where, with which hand, one after the other."""

from __future__ import annotations

from dataclasses import dataclass

from dice_ros.events.touch_event import TouchEvent


@dataclass(frozen=True, slots=True)
class TouchTally:
    """The touches of one region, hand part or hand.

    Attributes:
        name: of the face region or hand part; ``left`` or ``right`` of a hand.
        touches: touches that came there. One that slides over two regions counts in both, so the
            numbers of regions may add up to more than there were touches.
        touches_per_hour: the same for an hour of observation; 0 if nothing was observed.
        dwell_s: seconds there. At any time a touch is at one place, so these add up.
    """

    name: str
    touches: int
    touches_per_hour: float
    dwell_s: float


@dataclass(frozen=True, slots=True)
class RegionTransition:
    """How often one region followed another.

    Attributes:
        before, after: names of face regions; the same where a region was touched again.
        slides: within one touch.
        successions: from the last region of a touch to the first one of the same person's next
            touch, in the order in which they ended.
    """

    before: str
    after: str
    slides: int
    successions: int


@dataclass(frozen=True, slots=True, eq=False)
class TouchSummary:
    """All touches of some time.

    Attributes:
        start_ns, end_ns: stamps of the first and last image; both 0 if there were none.
        observed_s: seconds during which a face was seen, summed over persons.
        persons: how many different ``person_id`` touched their face.
        touches: finished touches.
        touches_per_hour: for an hour of observation; 0 if nothing was observed.
        dwell_s: seconds of all touches together. Two hands at once count twice.
        by_region, by_part: every region and hand part that was touched, most touches first, then
            longest, then by name.
        by_side: left, then right; always both.
        transitions: those that happened, most frequent first, then by name.
        intervals_s: seconds from the end of each touch to the start of the same person's next
            one, in the order in which they ended; 0 where they overlap (two hands).
        longest: offset of the longest touch, the first of equals; None without touches.
    """

    start_ns: int
    end_ns: int
    observed_s: float
    persons: int
    touches: int
    touches_per_hour: float
    dwell_s: float
    by_region: tuple[TouchTally, ...]
    by_part: tuple[TouchTally, ...]
    by_side: tuple[TouchTally, ...]
    transitions: tuple[RegionTransition, ...]
    intervals_s: tuple[float, ...]
    longest: TouchEvent | None
