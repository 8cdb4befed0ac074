"""Stamps and sizes of the images in turn: what jumps, what is late, when tracks must be forgotten.

Tracks live in the time and in the pixels of the images. A bag that starts over, a camera that comes
back after a while or changes its resolution all end them.
"""

from __future__ import annotations

from dataclasses import dataclass

_GAP_S = 5.0
"""Longer gaps between two images start new tracks: people move on."""
_FOREIGN_S = 60.0
"""Stamps further from our clock are not late: they come from another clock."""
_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class StampVerdict:
    """What is peculiar about one image.

    Attributes:
        notes: names to count.
        ends_tracks: whether nothing known from earlier images holds for this one.
    """

    notes: tuple[str, ...]
    ends_tracks: bool


class StampWatch:
    """Compares every image with the one before and with the clock. Use from one thread."""

    def __init__(self) -> None:
        self._last_ns: int | None = None
        self._size: tuple[int, int] | None = None

    @property
    def last_ns(self) -> int | None:
        """Stamp of the newest image; None before the first and after :meth:`forget`."""
        return self._last_ns

    def forget(self) -> None:
        """The next image is the first."""
        self._last_ns = self._size = None

    def see(
        self, stamp_ns: int, size: tuple[int, int], *, now_ns: int, late_s: float
    ) -> StampVerdict:
        """Judge the next image.

        Args:
            stamp_ns: its stamp.
            size: its height and width.
            now_ns: the node's clock, which may be simulated.
            late_s: older images are late.
        """
        notes = []
        ends = False
        if self._last_ns is not None:
            passed_ns = stamp_ns - self._last_ns
            if passed_ns < 0:
                notes.append("stamp_went_back")
            elif passed_ns > _GAP_S * _S:
                notes.append("stamp_jumped_ahead")
            elif passed_ns == 0:
                notes.append("stamp_repeated")
            ends = passed_ns < 0 or passed_ns > _GAP_S * _S
        if self._size is not None and size != self._size:
            notes.append("resolution_changed")
            ends = True
        self._last_ns, self._size = stamp_ns, size
        age_s = (now_ns - stamp_ns) / _S
        if now_ns == 0:  # a simulated clock that has not begun says nothing
            pass
        elif abs(age_s) > _FOREIGN_S:
            notes.append("foreign_clock")
        elif age_s > late_s:
            notes.append("late_frame")
        return StampVerdict(tuple(notes), ends)
