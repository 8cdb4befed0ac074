"""The first images of what may become a touch: a hand that still comes does not touch yet."""

from __future__ import annotations

from dice_ros.events.hand_sample import HandSample, Sight
from dice_ros.events.kept_level import log_odds

_COMING_DROPS = 0.5


class Arrival:
    """Images from the first one at which the hand may have touched.

    The log odds of touching rise while a hand comes nearer. An image from which they rose by more
    than half of what ends a touch was before it.
    """

    def __init__(self) -> None:
        self.images: list[tuple[int, HandSample]] = []
        """Stamp and sample of each, some of which may not show the hand."""

    @property
    def highest(self) -> float | None:
        """The highest log odds; None if the hand was not seen."""
        levels = (log_odds(item.probability) for _, item in self.images if _is_seen(item))
        return max(levels, default=None)

    def add(self, stamp_ns: int, sample: HandSample) -> None:
        """Go on to the next image."""
        self.images.append((stamp_ns, sample))

    def advance(self, drop: float) -> bool:
        """Leave out the first images from which the log odds rose by more; True if there were."""
        highest = self.highest
        if highest is None:
            return False
        lowest = highest - _COMING_DROPS * drop
        first = next(
            number
            for number, (_, sample) in enumerate(self.images)
            if _is_seen(sample) and log_odds(sample.probability) >= lowest
        )
        del self.images[:first]
        return first > 0


def _is_seen(sample: HandSample) -> bool:
    return sample.sight is Sight.SEEN
