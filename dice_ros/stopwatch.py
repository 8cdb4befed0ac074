"""Wall-clock time of named stages."""

from __future__ import annotations

import time

from dice_ros.types import StageTiming


class Stopwatch:
    """Measures consecutive stages: each :meth:`lap` ends one and starts the next."""

    def __init__(self) -> None:
        self._start = self._last = time.perf_counter()
        self._stages: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        """End the running stage under a name; the same name twice adds up."""
        now = time.perf_counter()
        self._stages[stage] = self._stages.get(stage, 0.0) + 1e3 * (now - self._last)
        self._last = now

    @property
    def total_ms(self) -> float:
        """Milliseconds since the start."""
        return 1e3 * (time.perf_counter() - self._start)

    @property
    def timings(self) -> tuple[StageTiming, ...]:
        """The stages so far."""
        return tuple(StageTiming(stage, ms) for stage, ms in self._stages.items())
