"""Where every received frame went: published, overwritten, dropped for a reason, or in flight."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass

import numpy as np

_RECENT = 200


@dataclass(frozen=True, slots=True)
class Account:
    """A consistent copy of the counts.

    Attributes:
        received: images that arrived.
        published: images answered by a message.
        drops: images that were not, by reason.
        notes: other things worth counting (calibrations left out, resets), by name.
        overhead_ms: (p50, p99) of the time from taking an image to publishing, less the pipeline.
        latency_ms: (p50, p99) of the time from taking an image to publishing.
    """

    received: int
    published: int
    drops: dict[str, int]
    notes: dict[str, int]
    overhead_ms: tuple[float, float]
    latency_ms: tuple[float, float]


class FrameAccounting:
    """Counts frames from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._received = self._published = 0
        self._drops: Counter[str] = Counter()
        self._notes: Counter[str] = Counter()
        self._latency_ms: deque[float] = deque(maxlen=_RECENT)
        self._overhead_ms: deque[float] = deque(maxlen=_RECENT)

    def received(self) -> None:
        """An image arrived."""
        with self._lock:
            self._received += 1

    def dropped(self, reason: str) -> int:
        """An image was left out; returns how often that happened for this reason."""
        with self._lock:
            self._drops[reason] += 1
            return self._drops[reason]

    def noted(self, name: str) -> int:
        """Something else happened; returns how often."""
        with self._lock:
            self._notes[name] += 1
            return self._notes[name]

    def published(self, latency_ms: float, pipeline_ms: float) -> None:
        """An image was answered."""
        with self._lock:
            self._published += 1
            self._latency_ms.append(latency_ms)
            self._overhead_ms.append(latency_ms - pipeline_ms)

    def account(self) -> Account:
        """The counts so far."""
        with self._lock:
            return Account(
                self._received,
                self._published,
                dict(self._drops),
                dict(self._notes),
                _percentiles(self._overhead_ms),
                _percentiles(self._latency_ms),
            )


def _percentiles(values: deque[float]) -> tuple[float, float]:
    if not values:
        return (float("nan"), float("nan"))
    p50, p99 = np.percentile(np.array(values), [50, 99])
    return float(p50), float(p99)
