"""Looking after the node from outside: what stalls, what does not come, which clock jumps."""

from __future__ import annotations

import enum
import time
from collections.abc import Callable
from dataclasses import dataclass

from dice_ros.ros.frame_accounting import FrameAccounting
from dice_ros.ros.stage_mark import Stage, place_of
from dice_ros.ros.throttled_log import ThrottledLog
from dice_ros.settings import Settings

_CLOCK_JUMP_S = 1.0


class Severity(enum.Enum):
    """How bad a trouble is."""

    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is wrong now.

    Attributes:
        name: under which it is counted.
        text: for people.
        severity: how bad it is.
    """

    name: str
    text: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class Sight:
    """What the watchdog sees at one time; times are monotonic seconds.

    Attributes:
        stage: what the worker does; None while it has nothing to do or does not run.
        thread_id: the worker's thread.
        executor_s: when the executor last ran a callback of the node; None while a transition
            keeps it, or before the first.
        input_s: when the last image came or images began to be wanted; None if none are wanted.
        clock_ns: the node's clock; 0 while a simulated one has not begun.
        why_silent: says why no image may come.
    """

    stage: Stage | None
    thread_id: int | None
    executor_s: float | None
    input_s: float | None
    clock_ns: int
    why_silent: Callable[[], str]


class Watchdog:
    """Turns sights into troubles; counts and logs each when it begins and when it is over.

    Args:
        accounting: where troubles are counted.
        log: where they are said.
    """

    def __init__(self, accounting: FrameAccounting, log: ThrottledLog) -> None:
        self._accounting = accounting
        self._log = log
        self._present: set[str] = set()
        self._clock_offset_s: float | None = None

    def look(self, sight: Sight, settings: Settings) -> tuple[Trouble, ...]:
        """What is wrong now."""
        now_s = time.monotonic()
        self._check_system_clock(now_s)
        candidates = (
            _stall(sight, now_s, settings.stall_timeout_s),
            _executor_stall(sight, now_s, settings.stall_timeout_s),
            _silence(sight, now_s, settings.input_timeout_s),
            _missing_clock(sight),
        )
        troubles = tuple(trouble for trouble in candidates if trouble is not None)
        for trouble in troubles:
            if trouble.name not in self._present:
                self._accounting.noted(trouble.name)
                say = self._log.error if trouble.severity is Severity.ERROR else self._log.warning
                say(trouble.name, trouble.text)
        names = {trouble.name for trouble in troubles}
        for name in self._present - names:
            self._log.info(f"over.{name}", f"over: {name}")
        self._present = names
        return troubles

    def _check_system_clock(self, now_s: float) -> None:
        offset_s = time.time() - now_s
        known_s, self._clock_offset_s = self._clock_offset_s, offset_s
        if known_s is not None and abs(offset_s - known_s) > _CLOCK_JUMP_S:
            self._accounting.noted("system_clock_jumped")
            self._log.warning(
                "system_clock_jumped",
                f"the clock of this machine jumped by {offset_s - known_s:+.1f} s",
            )


def _stall(sight: Sight, now_s: float, limit_s: float) -> Trouble | None:
    stage = sight.stage
    if stage is None or stage.may_wait or now_s - stage.since_s <= limit_s:
        return None
    place = place_of(sight.thread_id)
    text = f"stalled in the stage {stage.name} for {now_s - stage.since_s:.1f} s"
    return Trouble(
        f"stalled_in_{stage.name}", text + (f", at {place}" if place else ""), Severity.ERROR
    )


def _executor_stall(sight: Sight, now_s: float, limit_s: float) -> Trouble | None:
    if sight.executor_s is None or now_s - sight.executor_s <= limit_s:
        return None
    return Trouble(
        "executor_stalled",
        f"the executor has not run this node for {now_s - sight.executor_s:.1f} s: nothing is "
        "received",
        Severity.ERROR,
    )


def _silence(sight: Sight, now_s: float, limit_s: float) -> Trouble | None:
    if sight.input_s is None or now_s - sight.input_s <= limit_s:
        return None
    return Trouble(
        "input_silent",
        f"no image for {now_s - sight.input_s:.1f} s: {sight.why_silent()}",
        Severity.WARNING,
    )


def _missing_clock(sight: Sight) -> Trouble | None:
    # Clocks are read by the executor: nothing is proved before it has run.
    if sight.clock_ns or sight.executor_s is None:
        return None
    return Trouble(
        "no_clock",
        "use_sim_time is set and nothing came on /clock yet: play the bag with --clock",
        Severity.WARNING,
    )
