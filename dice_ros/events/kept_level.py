"""Levels of a touch's probability, to which later ones are compared.

Where contact is inferred from the sizes of hand and face, the probability is off by a constant for
each person: some hover at 0.8. It hardly moves while a hand touches, though, and falls as the hand
leaves. So a fall from the level that was kept ends a touch, wherever that level is, and a rise from
the lowest value since then is needed before the next one.
"""

from __future__ import annotations


class KeptLevel:
    """The highest probability that was kept for some time: single frames do not count."""

    def __init__(self) -> None:
        self.value = 0.0
        self._recent: list[tuple[int, float]] = []

    def add(self, stamp_ns: int, probability: float, kept_ns: int) -> None:
        """Go on to the next image in which the hand touches.

        Args:
            stamp_ns: its stamp.
            probability: that the hand touches.
            kept_ns: for how long a level must be kept.
        """
        self._recent.append((stamp_ns, probability))
        while len(self._recent) > 1 and stamp_ns - self._recent[1][0] >= kept_ns:
            del self._recent[0]
        if stamp_ns - self._recent[0][0] >= kept_ns:
            self.value = max(self.value, min(level for _, level in self._recent))


class Rest:
    """A hand after a touch that ended while its probability was still high.

    Args:
        stamp_ns: when it ended.
        probability: the lowest one of the pause that ended it.
    """

    def __init__(self, stamp_ns: int, probability: float) -> None:
        self._lowest = probability
        self.seen_ns = stamp_ns

    def is_over(self, stamp_ns: int, probability: float, on: float, ratio: float) -> bool:
        """Whether the hand may touch again: it was low, or has risen since it was lowest."""
        self.seen_ns = stamp_ns
        self._lowest = min(self._lowest, probability)
        return self._lowest < on or ratio * probability >= self._lowest
