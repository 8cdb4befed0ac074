"""Ctrl-C as a question that is asked at a good moment."""

from __future__ import annotations

import signal
import sys
from types import FrameType


class Interruption:
    """While entered, the first Ctrl-C (or SIGTERM) is only remembered; a second one interrupts.

    Use from the main thread.
    """

    def __init__(self) -> None:
        self._asked = False
        self._old: dict[int, object] = {}

    def is_asked(self) -> bool:
        """Whether somebody wants an end."""
        return self._asked

    def __enter__(self) -> Interruption:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._old[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal() gave

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
        sys.stderr.write("\nfinishing the image at hand; once more to stop at once\n")
