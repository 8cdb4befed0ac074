"""The finished touches of a recording, with times that start with it: what is exported."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone

from dice_ros.events.touch_event import TouchEvent, TouchPhase

_S = 1_000_000_000
_CALENDAR_FROM_NS = 946_684_800 * _S
"""The year 2000: stamps before it count from the start of a video or of a machine."""


@dataclass(frozen=True, slots=True, eq=False)
class TouchList:
    """Touches of one recording.

    Attributes:
        name: of the recording, for people.
        start_ns: stamp of its first image; times are relative to it.
        end_ns: stamp of its last image.
        touches: offsets in the order of their starts, then ids.
    """

    name: str
    start_ns: int
    end_ns: int
    touches: tuple[TouchEvent, ...]

    @classmethod
    def of(cls, name: str, start_ns: int, end_ns: int, events: Iterable[TouchEvent]) -> TouchList:
        """The offsets among some events."""
        touches = [event for event in events if event.phase is TouchPhase.OFFSET]
        touches.sort(key=lambda touch: (touch.start_ns, touch.touch_id))
        return cls(name, start_ns, end_ns, tuple(touches))

    def seconds(self, stamp_ns: int) -> float:
        """Seconds since the recording's start."""
        return (stamp_ns - self.start_ns) / _S

    @property
    def start_text(self) -> str:
        """When the recording started: UTC as in ISO 8601, or a bare stamp."""
        return stamp_text(self.start_ns)


def stamp_text(stamp_ns: int) -> str:
    """UTC as in ISO 8601, in milliseconds; seconds where the stamp is no time of the calendar."""
    if stamp_ns < _CALENDAR_FROM_NS:
        return f"stamp {stamp_ns / _S:.3f} s"
    moment = datetime.fromtimestamp(stamp_ns // _S, tz=timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{stamp_ns % _S // 1_000_000:03d}Z"


def hand_name(touch: TouchEvent) -> str:
    """Whose hand, for people: ``person 1 left hand``."""
    return f"person {touch.person_id} {touch.side.value} hand"
