"""How long faces were watched: what numbers of touches are divided by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dice_ros.settings import Settings
from dice_ros.types import Interaction


@dataclass(frozen=True, slots=True)
class ObservedTime:
    """What was watched.

    Attributes:
        start_ns, end_ns: earliest and latest stamp of an image; both 0 if there were none.
        face_ns: nanoseconds during which a face was seen, summed over persons.
    """

    start_ns: int = 0
    end_ns: int = 0
    face_ns: int = 0


class FaceClock:
    """Adds up the time during which faces are seen, frame by frame.

    The time between two frames counts for everybody whose face is in both, unless the frames are
    farther apart than a touch outlives the loss of images.

    Args:
        settings: validated settings; ``touch_lost_s`` is used.
    """

    def __init__(self, settings: Settings) -> None:
        self.apply(settings)
        self._span_ns: tuple[int, int] | None = None
        self._last_ns = self._face_ns = 0
        self._faces: frozenset[int] = frozenset()

    def apply(self, settings: Settings) -> None:
        """Take over changed settings from the next frame on."""
        self._gap_ns = round(1e9 * settings.touch_lost_s)

    def update(self, stamp_ns: int, interactions: Sequence[Interaction]) -> None:
        """Go on to the next frame."""
        faces = frozenset(item.person_id for item in interactions if item.face is not None)
        passed_ns = stamp_ns - self._last_ns
        if 0 < passed_ns <= self._gap_ns:
            self._face_ns += passed_ns * len(faces & self._faces)
        first, last = self._span_ns or (stamp_ns, stamp_ns)
        self._span_ns = min(first, stamp_ns), max(last, stamp_ns)
        self._last_ns, self._faces = stamp_ns, faces

    def pause(self) -> None:
        """What comes next has nothing to do with what came: another input, a later activation."""
        self._faces = frozenset()

    @property
    def observed(self) -> ObservedTime:
        """What was watched so far."""
        return ObservedTime(*(self._span_ns or (0, 0)), self._face_ns)
