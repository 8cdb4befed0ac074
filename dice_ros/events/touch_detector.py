"""Touches from interactions, frame by frame: when they begin, where they go, when they end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dice_ros.events.hand_sample import UNSEEN, HandSample, Sight, hand_samples
from dice_ros.events.kept_level import Rest
from dice_ros.events.touch_event import TouchEnd, TouchEvent, TouchPhase
from dice_ros.events.touch_rules import TouchRules
from dice_ros.events.touch_track import TouchTrack
from dice_ros.settings import Settings
from dice_ros.types import HandSide, Interaction

_Hand = tuple[int, HandSide]


@dataclass(frozen=True, slots=True, eq=False)
class DetectorMemory:
    """What a detector knows from the frames before; see :meth:`TouchDetector.memory`."""

    tracks: dict[_Hand, TouchTrack]
    rests: dict[_Hand, Rest]
    last_stamp_ns: int | None
    last_id: int


class TouchDetector:
    """Follows every hand of every person of one camera; use from one thread at a time.

    A touch starts when its probability reaches the upper level, goes on while it stays at or above
    the lower one, and pauses below. Pauses, and times in which hand, face or images are missing,
    are bridged if they are short. Stamps alone decide, so the rate of images may change.

    Args:
        settings: validated settings; ``touch_*`` are used.
    """

    def __init__(self, settings: Settings) -> None:
        self._rules = TouchRules.of(settings)
        self._tracks: dict[_Hand, TouchTrack] = {}
        self._rests: dict[_Hand, Rest] = {}
        self._last_ns: int | None = None
        self._last_id = 0

    @property
    def is_touched(self) -> bool:
        """Whether any touch that was told has not ended."""
        return any(track.touch_id is not None for track in self._tracks.values())

    def apply(self, settings: Settings) -> None:
        """Take over changed settings from the next frame on."""
        self._rules = TouchRules.of(settings)

    def update(self, stamp_ns: int, interactions: Sequence[Interaction]) -> tuple[TouchEvent, ...]:
        """Go on to the next frame.

        Args:
            stamp_ns: its stamp. If it is before the last one, or too long after it, all open
                touches end first.
            interactions: everybody in it; empty if nobody was seen. Frames that could not be
                processed are left out.

        Returns:
            What is to be told, in the order of persons and hands: at most two events a hand.
        """
        events: list[TouchEvent] = []
        if self._last_ns is not None:
            if stamp_ns < self._last_ns:
                events += self.finish(TouchEnd.CLOCK_JUMP)
            elif stamp_ns - self._last_ns > self._rules.lost_ns:
                events += self._end_all(TouchEnd.INPUT_GAP, stamp_ns)
        self._last_ns = stamp_ns
        self._forget_rests(stamp_ns)
        people = {item.person_id: item for item in interactions}
        samples = {item.person_id: hand_samples(item) for item in interactions}
        for person_id in sorted({*people, *(person_id for person_id, _ in self._tracks)}):
            for side in HandSide:
                hand = person_id, side
                sample = samples[person_id][side] if person_id in samples else UNSEEN
                events += self._pursue(hand, stamp_ns, sample)
                if hand not in self._tracks and self._may_begin(hand, stamp_ns, sample):
                    self._begin(hand, stamp_ns, people[person_id], sample)
                events += self._tell(hand, stamp_ns)
        return tuple(events)

    def finish(self, end: TouchEnd = TouchEnd.END_OF_INPUT) -> tuple[TouchEvent, ...]:
        """End all touches: nothing more comes, or nothing that goes with what came.

        The next frame may have any stamp; numbers of touches go on.
        """
        events = () if self._last_ns is None else self._end_all(end, self._last_ns)
        self._last_ns = None
        self._rests.clear()
        return events

    def memory(self) -> DetectorMemory:
        """What is known from the frames before; changes with the next one."""
        return DetectorMemory(self._tracks, self._rests, self._last_ns, self._last_id)

    def restore(self, memory: DetectorMemory) -> None:
        """Go on where another detector with the same settings was."""
        self._tracks, self._rests = dict(memory.tracks), dict(memory.rests)
        self._last_ns, self._last_id = memory.last_stamp_ns, memory.last_id

    def _forget_rests(self, stamp_ns: int) -> None:
        """A hand that was out of sight for long may come back touching."""
        oldest_ns = stamp_ns - self._rules.lost_ns
        for hand in [hand for hand, rest in self._rests.items() if rest.seen_ns < oldest_ns]:
            del self._rests[hand]

    def _may_begin(self, hand: _Hand, stamp_ns: int, sample: HandSample) -> bool:
        if sample.sight is not Sight.SEEN:
            return False
        rest, rules = self._rests.get(hand), self._rules
        if rest is not None:
            if not rest.is_over(stamp_ns, sample.probability, rules.on, rules.drop):
                return False
            del self._rests[hand]
        return sample.probability >= rules.on

    def _begin(
        self, hand: _Hand, stamp_ns: int, interaction: Interaction, sample: HandSample
    ) -> None:
        self._tracks[hand] = TouchTrack(stamp_ns, interaction, hand[1], sample, self._rules)

    def _pursue(self, hand: _Hand, stamp_ns: int, sample: HandSample) -> tuple[TouchEvent, ...]:
        """What the frame means for the touch of this hand, if there is one."""
        track, rules = self._tracks.get(hand), self._rules
        if track is None:
            return ()
        end = track.ending(stamp_ns, sample.sight, rules)
        if end is not None:
            if end is TouchEnd.RELEASED:
                self._rests[hand] = Rest(stamp_ns, track.lowest_free)
            return self._end(hand, end, stamp_ns)
        if sample.sight is not Sight.SEEN:
            track.miss(stamp_ns, sample, rules)
        elif sample.probability >= track.pause_level(rules):
            track.touch(stamp_ns, sample, rules)
        elif track.touch_id is None:
            del self._tracks[hand]
        else:
            track.free(stamp_ns, sample)
        return ()

    def _tell(self, hand: _Hand, stamp_ns: int) -> tuple[TouchEvent, ...]:
        track = self._tracks.get(hand)
        if track is None:
            return ()
        if track.touch_id is not None:
            due = track.is_due(stamp_ns, self._rules)
            return (track.told(TouchPhase.UPDATE, stamp_ns, self._rules),) if due else ()
        if not track.is_ripe(self._rules):
            return ()
        self._last_id += 1
        track.touch_id = self._last_id
        return (track.told(TouchPhase.ONSET, stamp_ns, self._rules),)

    def _end(self, hand: _Hand, end: TouchEnd, stamp_ns: int) -> tuple[TouchEvent, ...]:
        track = self._tracks.pop(hand)
        if track.touch_id is None:
            return ()
        return (track.told(TouchPhase.OFFSET, stamp_ns, self._rules, end),)

    def _end_all(self, end: TouchEnd, stamp_ns: int) -> tuple[TouchEvent, ...]:
        order = sorted(self._tracks, key=lambda hand: (hand[0], hand[1].value))
        return tuple(event for hand in order for event in self._end(hand, end, stamp_ns))
