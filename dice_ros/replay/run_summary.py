"""Counting what happened over many frames, and saying it in a short table."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np

from dice_ros.types import FrameResult, TouchDecision


class RunSummary:
    """Counts of frames, faces, hands and touches, and the time of each stage."""

    def __init__(self) -> None:
        self.frames = self.faces = self.hands = self.touches = 0
        self.drops: Counter[str] = Counter()
        self._stage_ms: defaultdict[str, list[float]] = defaultdict(list)

    def add(self, result: FrameResult) -> None:
        """Count one processed frame."""
        people = result.interactions
        self.drops.update(f"person_{reason}" for reason in result.failures)
        self.add_counts(
            faces=sum(item.face is not None for item in people),
            hands=sum(len(item.hands) for item in people),
            touches=sum(
                hand.touch is TouchDecision.CONTACT for item in people for hand in item.hands
            ),
            stages={timing.stage: timing.duration_ms for timing in result.timings},
        )

    def add_counts(
        self, *, faces: int, hands: int, touches: int, stages: Mapping[str, float]
    ) -> None:
        """Count one frame whose results were counted elsewhere."""
        self.frames += 1
        self.faces += faces
        self.hands += hands
        self.touches += touches
        for stage, ms in stages.items():
            self._stage_ms[stage].append(ms)

    def as_dict(self) -> dict[str, Any]:
        """Everything, for a JSON file."""
        return {
            "frames": self.frames,
            "faces": self.faces,
            "hands": self.hands,
            "touches": self.touches,
            "drops": dict(self.drops),
            "stages_ms": {
                stage: {"p50": float(np.percentile(ms, 50)), "p99": float(np.percentile(ms, 99))}
                for stage, ms in self._stage_ms.items()
            },
        }

    def table(self) -> str:
        """A few lines for people."""
        lines = [
            f"{'frames':>8} {'faces':>8} {'hands':>8} {'touches':>8}",
            f"{self.frames:>8} {self.faces:>8} {self.hands:>8} {self.touches:>8}",
        ]
        if self._stage_ms:
            lines += ["", f"{'stage':<18} {'ms p50':>8} {'ms p99':>8}"]
        for stage, ms in self._stage_ms.items():
            p50, p99 = np.percentile(ms, [50, 99])
            lines.append(f"{stage:<18} {p50:>8.1f} {p99:>8.1f}")
        lines += [f"left out: {count} x {reason}" for reason, count in self.drops.items()]
        return "\n".join(lines)
