"""Touch events in results files: written, read, and counted again from the interactions."""

import dataclasses

import numpy as np
import pytest
from events.touch_scripts import HOVERING, START_NS, person, touching

from dice_ros.errors import InputError
from dice_ros.events.observed_time import FaceClock, ObservedTime
from dice_ros.events.touch_detector import TouchDetector
from dice_ros.events.touch_event import TouchPhase
from dice_ros.replay.results_reader import (
    read_frames,
    read_touch_events,
    result_cameras,
)
from dice_ros.replay.results_writer import INTERACTION_TOPIC, TOUCH_EVENT_TOPIC, ResultsWriter
from dice_ros.replay.touch_recount import observed_time, recount_touches
from dice_ros.settings import Settings
from dice_ros.types import Frame, FrameResult, HandSide

PERIOD_NS = 40_000_000
PICTURE = np.zeros((4, 4, 3), dtype=np.uint8)


def story(number):
    """Two persons; one leaves for a while, and for a moment nobody is there."""
    stamp_ns = START_NS + number * PERIOD_NS
    if 60 <= number < 66:
        return FrameResult(Frame(PICTURE, stamp_ns), (), ())
    probability = 0.5 + 0.004 * (number % 100)
    left = touching("chin", probability=probability) if 10 < number < 80 else HOVERING
    right = touching("mouth" if number < 50 else "nose_tip") if 30 < number < 120 else HOVERING
    people = [person(stamp_ns, {HandSide.LEFT: left, HandSide.RIGHT: right}, person_id=3)]
    if number < 90:
        people.append(person(stamp_ns, {HandSide.LEFT: left}, person_id=5))
    return FrameResult(Frame(PICTURE, stamp_ns), tuple(people), ())


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A file of two cameras, and what was told while it was written."""
    path = tmp_path_factory.mktemp("touches") / "results.mcap"
    told = []
    detector = TouchDetector(Settings())
    with ResultsWriter(path) as writer:
        for number in range(150):
            result = story(number)
            writer.write_result(result, "/left" + INTERACTION_TOPIC)
            writer.write_result(result, "/right" + INTERACTION_TOPIC)
            events = detector.update(result.frame.stamp_ns, result.interactions)
            writer.write_touches(events, "/left" + TOUCH_EVENT_TOPIC)
            told += events
        writer.write_touches(detector.finish(), "/left" + TOUCH_EVENT_TOPIC)
    return path, told


def rows(events):
    """Values to compare; messages hold some of them in single precision."""
    found = []
    for event in events:
        values = dataclasses.replace(event, centre=np.zeros(3)).__class__.__slots__
        found.append(
            tuple(
                round(value, 4) if isinstance(value, float) else value
                for value in (getattr(event, name) for name in values if name != "centre")
            )
        )
    return found


def test_events_come_back_as_they_were_told(results):
    path, told = results
    events = list(read_touch_events(path, "/left"))
    assert rows(events) == rows(told)
    assert {event.phase for event in events} == set(TouchPhase)
    for event, original in zip(events, told, strict=True):
        np.testing.assert_array_equal(event.centre, original.centre)


def test_counting_again_gives_the_same_events(results):
    path, told = results
    assert rows(recount_touches(path, Settings(), "/right")) == rows(told)


def test_counting_again_with_other_thresholds_gives_others(results):
    path, told = results
    strict = list(recount_touches(path, Settings(touch_on_probability=0.95), "/right"))
    assert strict == []
    slow = list(recount_touches(path, Settings(touch_update_hz=0.0), "/right"))
    assert len(slow) < len(told)


def test_a_file_without_touch_events_has_none(results):
    path, _ = results
    assert list(read_touch_events(path, "/right")) == []


def test_cameras_are_named(results):
    assert result_cameras(results[0]) == ("/left", "/right")


def test_frames_come_back_with_those_without_anybody(results):
    frames = list(read_frames(results[0], "/left"))
    assert [frame.stamp_ns for frame in frames] == [START_NS + n * PERIOD_NS for n in range(150)]
    assert [len(frame.interactions) for frame in frames[55:70]] == [2] * 5 + [0] * 6 + [2] * 4


def test_the_observed_time_is_that_of_faces(results):
    clock = FaceClock(Settings())
    for number in range(150):
        clock.update(START_NS + number * PERIOD_NS, story(number).interactions)
    assert observed_time(results[0], Settings(), "/left") == clock.observed
    # 149 intervals, 7 of them beside an empty image; the second person is there in 82.
    assert clock.observed == ObservedTime(
        START_NS, START_NS + 149 * PERIOD_NS, (142 + 82) * PERIOD_NS
    )


def test_a_damaged_file_says_so(tmp_path, results):
    path = tmp_path / "cut.mcap"
    path.write_bytes(results[0].read_bytes()[:2000])
    with pytest.raises(InputError, match="cannot be read"):
        list(read_touch_events(path, "/left"))
    with pytest.raises(InputError, match="cannot be read"):
        result_cameras(tmp_path / "missing.mcap")
