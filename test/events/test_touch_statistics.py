import pytest
from events.touch_scripts import HOVERING, START_NS, Stage, person, touching

from dice_ros.events.observed_time import FaceClock, ObservedTime
from dice_ros.events.touch_statistics import summarise_touches
from dice_ros.settings import Settings
from dice_ros.types import HandSide

HOUR = ObservedTime(START_NS, START_NS + 3600 * 10**9, 3600 * 10**9)


def tally(tallies):
    return {item.name: (item.touches, round(item.dwell_s, 2)) for item in tallies}


def story():
    """Cheek; then a slide from cheek to mouth; then the chin, with the other hand."""
    stage = Stage()
    stage.play(0, 1000, touching("cheek"), step_ms=10)
    stage.play(1010, 3000, HOVERING, step_ms=10)
    stage.play(3010, 4000, touching("cheek"), step_ms=10)
    stage.play(4010, 5000, touching("mouth", part="palm"), step_ms=10)
    stage.play(5010, 6000, HOVERING, step_ms=10)
    for time in range(6010, 6510, 10):
        stage.frame(time, person(START_NS, {HandSide.LEFT: touching("chin")}))
    return stage.finish()


def test_touches_are_counted_by_region_part_and_hand():
    summary = summarise_touches(story().events, HOUR)
    assert (summary.touches, summary.persons) == (3, 1)
    assert summary.touches_per_hour == pytest.approx(3.0)
    assert tally(summary.by_region) == {"cheek": (2, 2.0), "mouth": (1, 0.99), "chin": (1, 0.49)}
    assert [item.name for item in summary.by_region] == ["cheek", "mouth", "chin"]
    assert tally(summary.by_part) == {"index_tip": (3, 2.49), "palm": (1, 0.99)}
    assert tally(summary.by_side) == {"left": (1, 0.49), "right": (2, 2.99)}
    assert sum(item.dwell_s for item in summary.by_region) == pytest.approx(summary.dwell_s)
    assert summary.longest.touch_id == 2


def test_transitions_tell_slides_from_successions():
    summary = summarise_touches(story().events, HOUR)
    found = {(item.before, item.after): item for item in summary.transitions}
    assert {pair: (item.slides, item.successions) for pair, item in found.items()} == {
        ("cheek", "cheek"): (0, 1),
        ("cheek", "mouth"): (1, 0),
        ("mouth", "chin"): (0, 1),
    }


def test_intervals_are_those_between_touches():
    assert summarise_touches(story().events, HOUR).intervals_s == pytest.approx((2.01, 1.01))


def test_both_hands_at_once_leave_no_interval():
    stage = Stage()
    for time in range(0, 2000, 20):
        hands = {HandSide.RIGHT: touching("chin")}
        hands[HandSide.LEFT] = touching("cheek") if 500 < time < 1000 else HOVERING
        stage.frame(time, person(START_NS, hands))
    summary = summarise_touches(stage.finish().events, HOUR)
    assert summary.intervals_s == (0.0,)
    assert summary.dwell_s > 2.0


def test_touches_of_one_person_do_not_follow_those_of_another():
    stage = Stage()
    for time in range(0, 3000, 20):
        people = [
            person(
                START_NS,
                {HandSide.RIGHT: touching("chin") if start < time < start + 500 else HOVERING},
                person_id=number,
            )
            for number, start in ((1, 0), (2, 1000))
        ]
        stage.frame(time, *people)
    summary = summarise_touches(stage.finish().events, HOUR)
    assert (summary.persons, summary.touches) == (2, 2)
    assert summary.intervals_s == ()
    assert summary.transitions == ()


def test_nothing_observed_gives_zeros_and_no_division():
    summary = summarise_touches([], ObservedTime())
    assert summary.touches == summary.touches_per_hour == summary.dwell_s == 0
    assert [item.name for item in summary.by_side] == ["left", "right"]
    assert summary.longest is None


def test_gaps_clock_jumps_and_missing_faces_are_not_observed():
    clock, settings = FaceClock(Settings()), Settings()
    assert settings.touch_lost_s == 0.5

    def show(ms, *people):
        clock.update(START_NS + ms * 10**6, people)

    one, two = person(START_NS, {}, person_id=1), person(START_NS, {}, person_id=2)
    show(0, one)
    show(100, one, two)  # 100 ms of the first
    show(200, one, two)  # 200 ms of both
    show(5000, one, two)  # a gap
    show(5100, person(START_NS, {}, face=False))
    show(5200, one)
    show(300, one)  # back
    show(400, one)  # 100 ms
    clock.pause()
    show(500, one)
    assert clock.observed == ObservedTime(START_NS, START_NS + 5200 * 10**6, 400 * 10**6)
