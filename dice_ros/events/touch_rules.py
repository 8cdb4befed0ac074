"""When something counts as a touch: the thresholds of the settings, times in nanoseconds."""

from __future__ import annotations

from dataclasses import dataclass

from typing_extensions import Self

from dice_ros.settings import Settings

_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class TouchRules:
    """Thresholds, see the settings ``touch_*``.

    Attributes:
        on, off: probabilities at which a touch starts and below which it pauses; off <= on.
        drop: fall of the log odds from the level they kept at which a touch pauses, too, and rise
            while a hand still comes; 0 for neither.
        min_ns: shorter touches are not told.
        release_ns: a hand that was seen off the face for so long has left it.
        lost_ns: a touch outlives the loss of hand, face or images for so long.
        place_min_ns: shorter stays at a place are not part of the path.
        update_ns: time between updates; None for none.
    """

    on: float
    off: float
    drop: float
    min_ns: int
    release_ns: int
    lost_ns: int
    place_min_ns: int
    update_ns: int | None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The rules that the settings ask for."""
        rate = settings.touch_update_hz
        return cls(
            on=settings.touch_on_probability,
            off=settings.touch_off_probability,
            drop=settings.touch_release_drop,
            min_ns=round(settings.touch_min_s * _S),
            release_ns=round(settings.touch_release_s * _S),
            lost_ns=round(settings.touch_lost_s * _S),
            place_min_ns=round(settings.touch_place_min_s * _S),
            update_ns=round(_S / rate) if rate > 0 else None,
        )
