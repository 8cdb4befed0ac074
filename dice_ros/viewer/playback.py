"""Where a viewer is in a recording: playing, pausing, stepping, scrubbing."""

from __future__ import annotations

from collections.abc import Sequence


class Playback:
    """A playhead over frames.

    Args:
        stamps_ns: stamps of the frames, in their order; at least one.
        at: number of the first frame to show.
    """

    def __init__(self, stamps_ns: Sequence[int], at: int = 0) -> None:
        start = stamps_ns[0]
        # A recording that jumps back goes on without a pause.
        self._times_s, now_s, before = [], 0.0, start
        for stamp in stamps_ns:
            now_s += max(0, stamp - before) * 1e-9
            before = stamp
            self._times_s.append(now_s)
        self._at = 0
        self._clock_s = 0.0
        self.is_playing = False
        self.seek(at)

    @property
    def at(self) -> int:
        """Number of the frame to show."""
        return self._at

    @property
    def count(self) -> int:
        """Number of frames."""
        return len(self._times_s)

    @property
    def time_s(self) -> float:
        """Seconds from the first frame to the one shown."""
        return self._times_s[self._at]

    def seek(self, number: int) -> None:
        """Go to a frame; beyond either end means the frame there."""
        self._at = min(max(number, 0), self.count - 1)
        self._clock_s = self.time_s

    def step(self, frames: int) -> None:
        """Pause, and go so many frames on (or back)."""
        self.is_playing = False
        self.seek(self._at + frames)

    def toggle(self) -> None:
        """Play or pause; at the end, play from the start."""
        if not self.is_playing and self._at == self.count - 1:
            self.seek(0)
        self.is_playing = not self.is_playing

    def advance(self, elapsed_s: float) -> bool:
        """Let time pass; True if another frame is to be shown. Stops at the last one."""
        if not self.is_playing:
            return False
        before = self._at
        self._clock_s += elapsed_s
        while self._at + 1 < self.count and self._times_s[self._at + 1] <= self._clock_s:
            self._at += 1
        self.is_playing = self._at + 1 < self.count
        return self._at != before
