"""Putting the images of one camera into the order of their stamps.

Recorders write messages as they arrive, which is now and then not as they were stamped. An image
that comes late by less than :data:`LATE_MAX_NS`, and by fewer than :data:`LATE_IMAGES_MAX` images,
is put into its place. A stamp further back is a jump of the clock (a bag recorded in a loop, a
restarted driver): what came before is finished first, and a new run begins with it. Every image is
handed on exactly once either way; images with equal stamps keep their recorded order.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

LATE_MAX_NS = 200_000_000
LATE_IMAGES_MAX = 4

JUMPED_BACK = "stamp_jumped_back"
REORDERED = "stamp_out_of_order"
REPEATED = "stamp_repeated"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Ordered(Generic[T]):
    """An item in its place.

    Attributes:
        item: what was put in.
        stamp_ns: its stamp.
        note: :data:`JUMPED_BACK`, :data:`REORDERED`, :data:`REPEATED` or empty.
    """

    item: T
    stamp_ns: int
    note: str


class StampOrder(Generic[T]):
    """A small buffer that sorts by stamp."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int, str, T]] = []
        self._count = 0
        self._newest_ns: int | None = None
        self._released_ns: int | None = None
        self._begins_run = False

    def push(self, stamp_ns: int, item: T) -> Iterator[Ordered[T]]:
        """Add an item; yields what is due."""
        note = ""
        if self._newest_ns is not None and stamp_ns < self._newest_ns:
            note = REORDERED
            too_late = self._newest_ns - stamp_ns >= LATE_MAX_NS
            passed = self._released_ns is not None and stamp_ns < self._released_ns
            if too_late or passed:
                yield from self.flush()
                self._newest_ns, note, self._begins_run = None, "", True
        elif stamp_ns == self._newest_ns:
            note = REPEATED
        self._newest_ns = stamp_ns if self._newest_ns is None else max(self._newest_ns, stamp_ns)
        self._count += 1
        heapq.heappush(self._waiting, (stamp_ns, self._count, note, item))
        while len(self._waiting) >= LATE_IMAGES_MAX:
            yield self._pop()

    def flush(self) -> Iterator[Ordered[T]]:
        """Everything that still waits."""
        while self._waiting:
            yield self._pop()
        self._released_ns = None

    def _pop(self) -> Ordered[T]:
        stamp_ns, _, note, item = heapq.heappop(self._waiting)
        self._released_ns = stamp_ns
        if self._begins_run:
            note, self._begins_run = JUMPED_BACK, False
        return Ordered(item, stamp_ns, note)
