"""Letting through at most so many events a second."""

from __future__ import annotations

import time


class RateLimit:
    """Says whether enough time has passed since the last event let through."""

    def __init__(self) -> None:
        self._last_s = -1e9

    def allows(self, rate_hz: float) -> bool:
        """True, and counted as an event, if ``1 / rate_hz`` seconds have passed."""
        now = time.monotonic()
        if now - self._last_s < 1.0 / rate_hz:
            return False
        self._last_s = now
        return True
