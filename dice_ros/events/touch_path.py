"""The places of one touch: which took part, and which was the main one when."""

from __future__ import annotations

from collections.abc import Sequence

from dice_ros.events.hand_sample import Patch
from dice_ros.events.touch_event import TouchPlace

_Place = tuple[str, str]


class TouchPath:
    """Where a touch is and was.

    The main region of a frame is that with the most weight, the main part the one with the most
    weight on it. Another place becomes the main one when it has been so for long enough, and
    counts from when it first was.

    Args:
        start_ns: stamp of the first image of the touch.
    """

    def __init__(self, start_ns: int) -> None:
        self._places: list[tuple[_Place, int]] = []
        self._rival: tuple[_Place, int] | None = None
        self._start_ns = self._last_ns = start_ns
        self._parts = _Shares()
        self._regions = _Shares()

    @property
    def is_known(self) -> bool:
        """Whether there is any place."""
        return bool(self._places)

    def parts(self, min_ns: int) -> tuple[str, ...]:
        """Hand parts that touched for so long, and all of the path; most contact first."""
        return self._parts.names(min_ns, {part for (part, _), _ in self._places})

    def regions(self, min_ns: int) -> tuple[str, ...]:
        """Face regions that were touched for so long, and all of the path; most contact first."""
        return self._regions.names(min_ns, {region for (_, region), _ in self._places})

    def add(self, stamp_ns: int, patch: Patch | None, place_min_ns: int) -> None:
        """Go on to the next image in which the hand touches; None says not where."""
        passed_ns = stamp_ns - self._last_ns
        self._last_ns = stamp_ns
        if patch is None:
            return
        self._parts.add(passed_ns, [(part, weight) for (part, _), weight in patch.weights])
        self._regions.add(passed_ns, [(region, weight) for (_, region), weight in patch.weights])
        self._move(stamp_ns, _main_place(patch), place_min_ns)

    def places(self) -> tuple[TouchPlace, ...]:
        """All main places in the order of time, up to the latest image."""
        ends = [start_ns for _, start_ns in self._places[1:]] + [self._last_ns]
        return tuple(
            TouchPlace(part, region, start_ns, end_ns)
            for ((part, region), start_ns), end_ns in zip(self._places, ends, strict=True)
        )

    def _move(self, stamp_ns: int, place: _Place, place_min_ns: int) -> None:
        if not self._places:
            # Whatever came before, nobody knows where it was.
            self._places.append((place, self._start_ns))
            return
        current, since_ns = self._places[-1]
        if place == current:
            self._rival = None
            return
        if self._rival is None or self._rival[0] != place:
            self._rival = place, stamp_ns
        rival_ns = self._rival[1]
        if stamp_ns - rival_ns < place_min_ns:
            return
        self._rival = None
        if rival_ns - since_ns < place_min_ns:
            # Only the first place can be so short: it was a wrong beginning.
            self._places[-1] = place, since_ns
        else:
            self._places.append((place, rival_ns))


def longest_place(path: tuple[TouchPlace, ...]) -> tuple[str, str]:
    """The region of the longest dwell, and on it the part of the longest: (part, region)."""
    regions: dict[str, int] = {}
    for place in path:
        span_ns = place.end_ns - place.start_ns
        regions[place.face_region] = regions.get(place.face_region, 0) + span_ns
    region = max(regions, key=lambda name: regions[name])
    parts: dict[str, int] = {}
    for place in path:
        if place.face_region == region:
            span_ns = place.end_ns - place.start_ns
            parts[place.hand_part] = parts.get(place.hand_part, 0) + span_ns
    return max(parts, key=lambda name: parts[name]), region


def _main_place(patch: Patch) -> _Place:
    regions: dict[str, float] = {}
    for (_, region), weight in patch.weights:
        regions[region] = regions.get(region, 0.0) + weight
    main = max(regions, key=lambda name: regions[name])
    return next(place for place, _ in patch.weights if place[1] == main)


class _Shares:
    """How long each of some names took part, and with how much of the contact."""

    def __init__(self) -> None:
        self._span_ns: dict[str, int] = {}
        self._share_ns: dict[str, float] = {}

    def add(self, passed_ns: int, weights: Sequence[tuple[str, float]]) -> None:
        total = sum(weight for _, weight in weights) or 1.0
        for name, weight in weights:
            self._share_ns[name] = self._share_ns.get(name, 0.0) + passed_ns * weight / total
        for name in {name for name, _ in weights}:
            self._span_ns[name] = self._span_ns.get(name, 0) + passed_ns

    def names(self, min_ns: int, always: set[str]) -> tuple[str, ...]:
        kept = [name for name, span in self._span_ns.items() if span >= min_ns or name in always]
        return tuple(sorted(kept, key=lambda name: (-self._share_ns[name], name)))
