"""The watchdog, with sights of our own making."""

import time

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from rclpy.logging import get_logger

from dice_ros.ros.frame_accounting import FrameAccounting
from dice_ros.ros.stage_mark import StageMark, place_of
from dice_ros.ros.throttled_log import ThrottledLog
from dice_ros.ros.watchdog import Severity, Sight, Watchdog
from dice_ros.settings import Settings

SETTINGS = Settings(stall_timeout_s=1.0, input_timeout_s=1.0)


@pytest.fixture
def watched():
    accounting = FrameAccounting()
    return Watchdog(accounting, ThrottledLog(get_logger("watchdog_test"))), accounting


def sight(stage=None, executor_age_s=None, input_age_s=None, clock_ns=1):
    now_s = time.monotonic()
    return Sight(
        stage=stage,
        thread_id=None,
        executor_s=None if executor_age_s is None else now_s - executor_age_s,
        input_s=None if input_age_s is None else now_s - input_age_s,
        clock_ns=clock_ns,
        why_silent=lambda: "the lid is on",
    )


def stage_since(seconds, **options):
    mark = StageMark()
    mark.enter("decode", **options)
    object.__setattr__(mark.stage, "since_s", time.monotonic() - seconds)
    return mark.stage


def test_a_node_that_works_or_waits_is_no_trouble(watched):
    watchdog, _ = watched
    for seen in (
        sight(),
        sight(stage_since(0.1), 0.1, 0.1),
        sight(stage_since(100, may_wait=True), 0.1, 0.1),
    ):
        assert watchdog.look(seen, SETTINGS) == ()


def test_each_trouble_is_named_and_counted_when_it_begins(watched):
    watchdog, accounting = watched
    for _ in range(3):
        troubles = watchdog.look(sight(stage_since(5), 5, 5, clock_ns=0), SETTINGS)
    names = {trouble.name: trouble.severity for trouble in troubles}
    assert names == {
        "stalled_in_decode": Severity.ERROR,
        "executor_stalled": Severity.ERROR,
        "input_silent": Severity.WARNING,
        "no_clock": Severity.WARNING,
    }
    assert "the lid is on" in next(item.text for item in troubles if item.name == "input_silent")
    assert accounting.account().notes == dict.fromkeys(names, 1)
    assert watchdog.look(sight(), SETTINGS) == ()
    watchdog.look(sight(input_age_s=5), SETTINGS)
    assert accounting.account().notes["input_silent"] == 2


@pytest.mark.parametrize("jump_s", [-3600.0, 3600.0])
def test_a_jump_of_the_machines_clock_is_counted(watched, monkeypatch, jump_s):
    watchdog, accounting = watched
    watchdog.look(sight(), SETTINGS)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + jump_s)
    watchdog.look(sight(), SETTINGS)
    watchdog.look(sight(), SETTINGS)
    assert accounting.account().notes == {"system_clock_jumped": 1}


def test_the_place_of_a_thread_outside_the_package_is_empty():
    assert place_of(None) == ""
    assert place_of(12345) == ""
