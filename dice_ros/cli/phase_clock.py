"""Says what is being done and for how long, also while nothing else is heard of it."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import TextIO

_EVERY_S = 5.0


class PhaseClock:
    """Writes a line when a phase starts, and every few seconds while it lasts.

    Args:
        out: where to.
        every_s: between two signs of life, seconds.
    """

    def __init__(self, out: TextIO, every_s: float = _EVERY_S) -> None:
        self._out = out
        self._every_s = every_s
        self._started_s = self._phase_s = time.monotonic()
        self._phase = ""
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tick, name="phase_clock", daemon=True)

    def __enter__(self) -> PhaseClock:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def enter(self, phase: str) -> None:
        """Another phase starts."""
        with self._lock:
            self._phase, self._phase_s = phase, time.monotonic()
            self._write(phase)

    def _tick(self) -> None:
        while not self._over.wait(self._every_s):
            with self._lock:
                if self._phase:
                    self._write(f"{self._phase}: {time.monotonic() - self._phase_s:.0f} s so far")

    def _write(self, text: str) -> None:
        self._out.write(f"[{time.monotonic() - self._started_s:6.1f} s] {text}\n")
        self._out.flush()
