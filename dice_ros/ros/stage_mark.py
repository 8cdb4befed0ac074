"""What the worker is doing, for whoever watches it from another thread."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

_PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the work on an image.

    Attributes:
        name: what is done, e.g. ``decode``.
        since_s: when it began, monotonic seconds.
        may_wait: whether it waits for others by design, so that it cannot stall.
    """

    name: str
    since_s: float
    may_wait: bool


class StageMark:
    """Set by one thread, read by others; assigning one reference needs no lock."""

    def __init__(self) -> None:
        self._stage: Stage | None = None

    @property
    def stage(self) -> Stage | None:
        """The stage in progress; None while nothing is to be done."""
        return self._stage

    def enter(self, name: str, *, may_wait: bool = False) -> None:
        """A stage begins, and the one before is over."""
        self._stage = Stage(name, time.monotonic(), may_wait)

    def leave(self) -> None:
        """The work on this image is done."""
        self._stage = None


def place_of(thread_id: int | None) -> str:
    """Where in this package a thread is, e.g. ``perception/litert.py:57``; empty if nowhere."""
    frame: FrameType | None = sys._current_frames().get(thread_id) if thread_id else None
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(_PACKAGE):
            return f"{path.relative_to(_PACKAGE)}:{frame.f_lineno}"
        frame = frame.f_back
    return ""
