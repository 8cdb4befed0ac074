"""Where every received frame went: published, overwritten, dropped for a reason, or in flight."""

from __future__ import annotations

import dataclasses
import json
import math
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
        overwritten: images that were replaced by a newer one before their turn came.
        drops: images that were not answered for another reason, by reason.
        notes: other things worth counting (calibrations left out, resets), by name.
        overhead_ms: (p50, p99) of the time from taking an image to publishing, less the pipeline.
        latency_ms: (p50, p99) of the time from taking an image to publishing.
    """

    received: int
    published: int
    overwritten: int
    drops: dict[str, int]
    notes: dict[str, int]
    overhead_ms: tuple[float, float]
    latency_ms: tuple[float, float]

    @property
    def in_flight(self) -> int:
        """Images received and neither answered nor given up yet: waiting, or being processed."""
        return self.received - self.published - self.overwritten - sum(self.drops.values())

    def json_text(self) -> str:
        """Every count as one line of JSON; percentiles of nothing are null."""
        values = dataclasses.asdict(self) | {"in_flight": self.in_flight}
        for name in ("overhead_ms", "latency_ms"):
            pair = (None if math.isnan(value) else round(value, 2) for value in values[name])
            values[name] = dict(zip(("p50", "p99"), pair, strict=True))
        return json.dumps(values)

    def sentence(self) -> str:
        """The counts for people."""
        gone = {**self.drops, "overwritten": self.overwritten, "in flight": self.in_flight}
        text = ", ".join(f"{count} {reason}" for reason, count in gone.items() if count)
        counts = f"received {self.received} images, published {self.published}"
        return f"{counts}; {text or 'no drops'}"


class FrameAccounting:
    """Counts frames from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._received = self._published = self._overwritten = 0
        self._drops: Counter[str] = Counter()
        self._notes: Counter[str] = Counter()
        self._latency_ms: deque[float] = deque(maxlen=_RECENT)
        self._overhead_ms: deque[float] = deque(maxlen=_RECENT)

    def received(self) -> None:
        """An image arrived."""
        with self._lock:
            self._received += 1

    def overwritten(self) -> None:
        """A newer image took the place of one that had not had its turn."""
        with self._lock:
            self._overwritten += 1

    def dropped(self, reason: str) -> int:
        """An image was left out; returns how often that happened for this reason."""
        with self._lock:
            self._drops[reason] += 1
            return self._drops[reason]

    def noted(self, name: str, times: int = 1) -> int:
        """Something else happened; returns how often so far."""
        with self._lock:
            self._notes[name] += times
            return self._notes[name]

    def published(self, latency_ms: float, pipeline_ms: float) -> None:
        """An image was answered."""
        with self._lock:
            self._published += 1
            self._latency_ms.append(latency_ms)
            self._overhead_ms.append(latency_ms - pipeline_ms)

    def is_settled(self, received: int) -> bool:
        """Whether so many images arrived and none of them is in flight any more."""
        with self._lock:
            settled = self._published + self._overwritten + self._drops.total()
            return settled == self._received == received

    def account(self) -> Account:
        """The counts so far."""
        with self._lock:
            return Account(
                self._received,
                self._published,
                self._overwritten,
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
