"""Levels of a touch's probability, to which later ones are compared.

Where contact is inferred from the sizes of hand and face, the probability is off by a constant for
each person: some hover at 0.8. Its log odds fall evenly with the gap between hand and face, though:
they rise while a hand comes, stay where it touches, and fall as it leaves. So a fall from the level
that was kept ends a touch, wherever that level is, and a rise from the lowest one since then is
needed before the next touch.
"""

from __future__ import annotations

import math

_ODDS_MAX = 1e6
_SINK_S = 0.5
_RISE_DROPS = 2.0


def log_odds(probability: float) -> float:
    """Logarithm of p / (1 - p), within +-14."""
    bounded = min(max(probability, 1.0 / _ODDS_MAX), 1.0 - 1.0 / _ODDS_MAX)
    return math.log(bounded / (1.0 - bounded))


def probability_of(odds: float) -> float:
    """The probability whose log odds these are."""
    return 1.0 / (1.0 + math.exp(-odds))


class KeptLevel:
    """The highest log odds that were kept for some time: single frames do not count.

    It sinks slowly to lower ones, because what is inferred drifts.
    """

    def __init__(self) -> None:
        self.value: float | None = None
        self._recent: list[tuple[int, float]] = []

    def add(self, stamp_ns: int, odds: float, kept_ns: int) -> None:
        """Go on to the next image in which the hand touches.

        Args:
            stamp_ns: its stamp.
            odds: log odds that the hand touches.
            kept_ns: for how long a level must be kept.
        """
        if self.value is not None and odds < self.value:
            passed_s = 1e-9 * (stamp_ns - self._recent[-1][0])
            self.value += (odds - self.value) * -math.expm1(-passed_s / _SINK_S)
        self._recent.append((stamp_ns, odds))
        while len(self._recent) > 1 and stamp_ns - self._recent[1][0] >= kept_ns:
            del self._recent[0]
        if stamp_ns - self._recent[0][0] >= kept_ns:
            lowest = min(level for _, level in self._recent)
            self.value = lowest if self.value is None else max(self.value, lowest)


class Rest:
    """A hand after a touch that ended while its probability was still high.

    Args:
        stamp_ns: when it ended.
        probability: the lowest one of the pause that ended it.
    """

    def __init__(self, stamp_ns: int, probability: float) -> None:
        self._lowest = probability
        self.seen_ns = stamp_ns

    def is_over(self, stamp_ns: int, probability: float, on: float, drop: float) -> bool:
        """Whether the hand may touch again: it was low, or has come back from where it was."""
        self.seen_ns = stamp_ns
        self._lowest = min(self._lowest, probability)
        risen = log_odds(probability) - log_odds(self._lowest)
        return self._lowest < on or risen >= _RISE_DROPS * drop
