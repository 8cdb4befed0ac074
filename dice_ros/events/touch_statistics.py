"""Summaries of touches, kept up to date touch by touch."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable

from dice_ros.events.observed_time import ObservedTime
from dice_ros.events.touch_event import TouchEvent, TouchPhase
from dice_ros.events.touch_summary import RegionTransition, TouchSummary, TouchTally
from dice_ros.types import HandSide

_S = 1_000_000_000


class TouchStatistics:
    """Counts finished touches. What it keeps hardly grows: a number for each touch."""

    def __init__(self) -> None:
        self._touches = self._dwell_ns = 0
        self._regions = _Tallies()
        self._parts = _Tallies()
        self._sides = _Tallies()
        self._slides: Counter[tuple[str, str]] = Counter()
        self._successions: Counter[tuple[str, str]] = Counter()
        self._intervals_ns: list[int] = []
        self._last: dict[int, tuple[int, str]] = {}
        self._longest: TouchEvent | None = None

    def add(self, event: TouchEvent) -> None:
        """Take in an event; onsets and updates are left out."""
        if event.phase is not TouchPhase.OFFSET or event.end_ns is None:
            return
        span_ns = event.end_ns - event.start_ns
        self._touches += 1
        self._dwell_ns += span_ns
        if self._longest is None or event.duration_s > self._longest.duration_s:
            self._longest = event
        places = [(place.face_region, place.end_ns - place.start_ns) for place in event.path]
        self._regions.add(places)
        self._parts.add((place.hand_part, place.end_ns - place.start_ns) for place in event.path)
        self._sides.add([(event.side.value, span_ns)])
        for (before, _), (after, _) in itertools.pairwise(places):
            if before != after:
                self._slides[before, after] += 1
        known = self._last.get(event.person_id)
        if known is not None:
            end_ns, region = known
            self._successions[region, places[0][0]] += 1
            self._intervals_ns.append(max(0, event.start_ns - end_ns))
        self._last[event.person_id] = event.end_ns, places[-1][0]

    def summary(self, observed: ObservedTime) -> TouchSummary:
        """All touches so far, as a share of the time that was watched."""
        observed_s = observed.face_ns / _S
        sides = {tally.name: tally for tally in self._sides.tallies(observed_s)}
        return TouchSummary(
            start_ns=observed.start_ns,
            end_ns=observed.end_ns,
            observed_s=observed_s,
            persons=len(self._last),
            touches=self._touches,
            touches_per_hour=_per_hour(self._touches, observed_s),
            dwell_s=self._dwell_ns / _S,
            by_region=self._regions.tallies(observed_s),
            by_part=self._parts.tallies(observed_s),
            by_side=tuple(
                sides.get(side.value, TouchTally(side.value, 0, 0.0, 0.0)) for side in HandSide
            ),
            transitions=self._transitions(),
            intervals_s=tuple(span / _S for span in self._intervals_ns),
            longest=self._longest,
        )

    def _transitions(self) -> tuple[RegionTransition, ...]:
        pairs = {*self._slides, *self._successions}
        found = [
            RegionTransition(*pair, self._slides[pair], self._successions[pair]) for pair in pairs
        ]
        found.sort(key=lambda item: (-item.slides - item.successions, item.before, item.after))
        return tuple(found)


def summarise_touches(events: Iterable[TouchEvent], observed: ObservedTime) -> TouchSummary:
    """The summary of some events.

    Args:
        events: in the order in which they were told; onsets and updates are left out, so touches
            that did not end are not counted.
        observed: what was watched, see :class:`dice_ros.events.observed_time.FaceClock`.
    """
    statistics = TouchStatistics()
    for event in events:
        statistics.add(event)
    return statistics.summary(observed)


class _Tallies:
    def __init__(self) -> None:
        self._touches: Counter[str] = Counter()
        self._dwell_ns: Counter[str] = Counter()

    def add(self, stays: Iterable[tuple[str, int]]) -> None:
        """One touch: the names it came to, and for how long each time."""
        spans: dict[str, int] = defaultdict(int)
        for name, span_ns in stays:
            spans[name] += span_ns
        self._touches.update(spans.keys())
        self._dwell_ns.update(spans)

    def tallies(self, observed_s: float) -> tuple[TouchTally, ...]:
        order = sorted(
            self._touches, key=lambda name: (-self._touches[name], -self._dwell_ns[name], name)
        )
        return tuple(
            TouchTally(
                name,
                self._touches[name],
                _per_hour(self._touches[name], observed_s),
                self._dwell_ns[name] / _S,
            )
            for name in order
        )


def _per_hour(count: int, observed_s: float) -> float:
    return 3600.0 * count / observed_s if observed_s > 0.0 else 0.0
