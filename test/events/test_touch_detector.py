import numpy as np
import pytest
from events.touch_scripts import HOVERING, START_NS, Seen, Stage, ms, person, touching

from dice_ros.errors import InputError
from dice_ros.events.touch_event import TouchEnd, TouchPhase
from dice_ros.replay.pipeline_memory import packed, unpacked
from dice_ros.types import ContactSource, HandSide


def test_a_touch_is_told_at_its_onset_while_it_lasts_and_at_its_offset():
    stage = Stage()
    stage.play(0, 500, HOVERING)
    stage.play(533, 1500, touching())
    stage.play(1533, 2500, HOVERING)
    phases = [event.phase for event in stage.events]
    assert phases[0] is TouchPhase.ONSET
    assert phases[-1] is TouchPhase.OFFSET
    assert set(phases[1:-1]) == {TouchPhase.UPDATE}
    assert len({event.touch_id for event in stage.events}) == 1
    offset = stage.offsets[0]
    assert ms(offset.start_ns) == 533
    assert ms(offset.end_ns) == pytest.approx(1490, abs=34)
    assert offset.end is TouchEnd.RELEASED
    assert offset.duration_s == pytest.approx(0.957, abs=0.034)
    assert (offset.hand_part, offset.face_region) == ("index_tip", "right_cheek")
    assert offset.confidence == offset.mean_probability == pytest.approx(0.9)
    assert offset.peak_depth_mm == 2.0


@pytest.mark.parametrize("step_ms", [10.0, 33.3, 100.0])
def test_the_rate_of_images_does_not_change_what_is_a_touch(step_ms):
    stage = Stage()
    for time in np.arange(0, 3000, step_ms):
        stage.right(time, touching() if 1000 <= time <= 2000 else HOVERING)
    (offset,) = stage.offsets
    assert ms(offset.start_ns) == pytest.approx(1000, abs=step_ms)
    assert ms(offset.end_ns) == pytest.approx(2000, abs=step_ms)


def test_a_varying_rate_changes_nothing():
    stage, rng, time = Stage(), np.random.default_rng(0), 0.0
    while time < 3000:
        stage.right(time, touching() if 1000 <= time <= 2000 else HOVERING)
        time += float(rng.uniform(5, 120))
    (offset,) = stage.offsets
    assert ms(offset.start_ns) == pytest.approx(1000, abs=120)
    assert ms(offset.end_ns) == pytest.approx(2000, abs=120)


def test_a_moment_is_no_touch():
    stage = Stage()
    stage.play(0, 500, HOVERING)
    stage.play(533, 600, touching())
    stage.play(633, 1500, HOVERING)
    assert stage.events == []


def test_flicker_around_the_upper_level_is_one_touch():
    stage = Stage()
    for number in range(60):
        stage.right(33 * number, touching(probability=0.6 if number % 2 else 0.4))
    stage.play(1980, 2500, HOVERING)
    assert len(stage.offsets) == 1


def test_what_never_reaches_the_upper_level_is_no_touch():
    stage = Stage()
    stage.play(0, 3000, touching(probability=0.49))
    assert stage.events == []


def test_a_short_pause_is_bridged_and_a_long_one_ends_the_touch():
    stage = Stage(touch_release_s=0.2)
    stage.play(0, 500, touching())
    stage.play(533, 650, HOVERING)
    stage.play(683, 1200, touching())
    assert len(stage.onsets) == 1
    assert stage.offsets == []
    stage.play(1233, 1500, HOVERING)
    stage.play(1533, 2000, touching())
    assert [event.touch_id for event in stage.onsets] == [1, 2]


def test_dropped_frames_are_bridged():
    stage = Stage()
    for number in range(60):
        if number % 10 < 3:
            stage.right(33 * number, touching())
    assert len(stage.finish().offsets) == 1


def test_images_that_stay_away_end_the_touch_where_it_was_seen_last():
    stage = Stage()
    stage.play(0, 500, touching())
    stage.right(2000, touching())
    (offset,) = stage.offsets
    assert offset.end is TouchEnd.INPUT_GAP
    assert ms(offset.end_ns) == pytest.approx(495, abs=1)


def test_a_hand_that_is_lost_for_a_moment_goes_on_touching():
    stage = Stage()
    stage.play(0, 500, touching())
    stage.play(533, 900, None)
    stage.play(933, 1500, touching())
    (offset,) = stage.finish().offsets
    assert ms(offset.start_ns) == 0
    assert offset.mean_probability == pytest.approx(0.9)
    assert offset.confidence == pytest.approx(0.9 * (1 - 438 / 1494), abs=0.03)


@pytest.mark.parametrize(
    ("frame", "end"),
    [
        (lambda at: person(at, {}), TouchEnd.HAND_LOST),
        (lambda at: person(at, {HandSide.RIGHT: touching()}, face=False), TouchEnd.FACE_LOST),
        (lambda at: person(at, {}, person_id=2), TouchEnd.PERSON_LOST),
    ],
)
def test_what_is_lost_for_long_ends_the_touch_and_says_so(frame, end):
    stage = Stage()
    stage.play(0, 500, touching())
    for time in range(533, 1500, 33):
        stage.frame(time, frame(START_NS))
    (offset,) = stage.offsets
    assert offset.end is end
    assert ms(offset.end_ns) == pytest.approx(495, abs=1)


def test_nobody_in_the_picture_for_long_ends_the_touch():
    stage = Stage()
    stage.play(0, 500, touching())
    for time in range(533, 1500, 33):
        stage.frame(time)
    assert [offset.end for offset in stage.offsets] == [TouchEnd.PERSON_LOST]


def test_a_clock_that_goes_back_ends_the_touch_and_begins_anew():
    stage = Stage()
    stage.play(5000, 6000, touching())
    stage.play(0, 1000, touching())
    (offset,) = stage.offsets
    assert offset.end is TouchEnd.CLOCK_JUMP
    assert offset.stamp_ns == offset.end_ns
    assert [event.touch_id for event in stage.onsets] == [1, 2]


def test_the_end_of_the_input_ends_the_touch():
    stage = Stage()
    stage.play(0, 1000, touching())
    assert stage.detector.is_touched
    (offset,) = stage.finish().offsets
    assert offset.end is TouchEnd.END_OF_INPUT
    assert not stage.detector.is_touched
    assert stage.detector.finish() == ()


def test_a_slide_is_one_touch_with_a_path():
    stage = Stage()
    stage.play(0, 990, touching("right_cheek"))
    stage.play(1000, 1990, touching("upper_lip"))
    stage.play(2000, 2500, touching("mouth"))
    (offset,) = stage.finish().offsets
    assert [place.face_region for place in offset.path] == ["right_cheek", "upper_lip", "mouth"]
    assert [round(ms(place.start_ns)) for place in offset.path] == [0, 1000, 2000]
    assert all(a.end_ns == b.start_ns for a, b in zip(offset.path, offset.path[1:], strict=False))
    assert offset.path[-1].end_ns == offset.end_ns
    assert set(offset.face_regions) == {"right_cheek", "upper_lip", "mouth"}


def test_a_neighbour_for_a_moment_is_not_part_of_the_path():
    stage = Stage()
    stage.play(0, 500, touching("right_cheek"))
    stage.play(533, 600, touching("right_cheekbone"))
    stage.play(633, 1000, touching("right_cheek"))
    (offset,) = stage.finish().offsets
    assert [place.face_region for place in offset.path] == ["right_cheek"]
    assert offset.face_regions == ("right_cheek",)


def test_a_wrong_beginning_is_not_part_of_the_path():
    stage = Stage()
    stage.play(0, 70, touching("chin"))
    stage.play(100, 1000, touching("right_cheek"))
    (offset,) = stage.finish().offsets
    assert [(place.face_region, ms(place.start_ns)) for place in offset.path] == [
        ("right_cheek", 0)
    ]


def test_places_beside_the_main_one_are_named():
    both = Seen(0.9, ((("middle_tip", "right_cheek"), 90.0), (("ring_tip", "lower_lip"), 30.0)))
    stage = Stage()
    stage.play(0, 1000, both)
    (offset,) = stage.finish().offsets
    assert (offset.hand_part, offset.face_region) == ("middle_tip", "right_cheek")
    assert offset.hand_parts == ("middle_tip", "ring_tip")
    assert offset.face_regions == ("right_cheek", "lower_lip")
    assert offset.peak_area_mm2 == 120.0


def test_a_touch_goes_on_where_no_place_is_known():
    stage = Stage()
    stage.play(0, 500, touching())
    stage.play(533, 1000, Seen(0.4, ()))
    (offset,) = stage.finish().offsets
    assert ms(offset.end_ns) == pytest.approx(995, abs=1)
    assert offset.path[-1].end_ns == offset.end_ns


def test_two_hands_touch_independently():
    stage = Stage()
    for time in range(0, 3000, 33):
        hands = {
            HandSide.LEFT: touching("left_cheek") if time < 2000 else HOVERING,
            HandSide.RIGHT: touching("chin") if 1000 < time < 2500 else HOVERING,
        }
        stage.frame(time, person(START_NS, hands))
    assert [(event.side, event.face_region) for event in stage.offsets] == [
        (HandSide.LEFT, "left_cheek"),
        (HandSide.RIGHT, "chin"),
    ]
    assert [event.touch_id for event in stage.offsets] == [1, 2]


def test_persons_touch_independently():
    stage = Stage()
    for time in range(0, 2000, 33):
        people = [person(START_NS, {HandSide.RIGHT: touching()}, person_id=n) for n in (4, 7)]
        stage.frame(time, *people[: 1 if time > 1000 else 2])
    assert [(event.person_id, event.end) for event in stage.finish().offsets] == [
        (7, TouchEnd.PERSON_LOST),
        (4, TouchEnd.END_OF_INPUT),
    ]


def test_updates_come_at_their_rate_or_not_at_all():
    stage = Stage(touch_update_hz=4.0)
    stage.play(0, 2100, touching(), step_ms=50)
    updates = [ms(e.stamp_ns) for e in stage.events if e.phase is TouchPhase.UPDATE]
    assert np.diff(updates).min() >= 250
    assert len(updates) == 8
    silent = Stage(touch_update_hz=0.0)
    silent.play(0, 2000, touching())
    assert [event.phase for event in silent.finish().events] == [
        TouchPhase.ONSET,
        TouchPhase.OFFSET,
    ]


def test_inferred_contact_ends_when_it_falls_from_the_level_it_kept():
    """The size of this person's hand is misjudged: even far from the face it is at 0.6."""
    stage, inferred = Stage(), {"source": ContactSource.PROXIMITY_PRIOR}
    stage.play(0, 1000, touching(probability=0.9), **inferred)
    stage.play(1033, 2000, touching(probability=0.6), **inferred)
    (offset,) = stage.offsets
    assert offset.end is TouchEnd.RELEASED
    assert ms(offset.end_ns) == pytest.approx(990, abs=1)
    stage.play(2033, 3000, touching(probability=0.9), **inferred)
    assert [ms(event.start_ns) for event in stage.onsets] == [0, 2033]


def test_a_network_is_not_judged_by_the_level_it_kept():
    stage = Stage()
    stage.play(0, 1000, touching(probability=0.9))
    stage.play(1033, 2000, touching(probability=0.6))
    assert stage.offsets == []


def test_one_frame_does_not_set_the_level():
    stage, inferred = Stage(), {"source": ContactSource.PROXIMITY_PRIOR}
    for number in range(90):
        probability = 0.95 if number == 30 else 0.7
        stage.right(33 * number, touching(probability=probability), **inferred)
    assert stage.offsets == []


def test_a_memory_goes_on_as_if_nothing_had_happened():
    def play(stage, first, last):
        for number in range(first, last):
            seen = touching("chin" if number > 50 else "mouth", probability=0.4 + 0.01 * number)
            stage.right(33 * number, seen if number % 40 > 8 else HOVERING)

    whole = Stage()
    play(whole, 0, 100)
    first, second = Stage(), Stage()
    play(first, 0, 47)
    second.detector.restore(unpacked(packed(first.detector.memory())))
    play(second, 47, 100)
    told = first.events + second.finish().events
    assert list(map(_comparable, told)) == list(map(_comparable, whole.finish().events))


def test_a_damaged_memory_is_refused():
    data = packed(Stage().detector.memory())
    with pytest.raises(InputError):
        unpacked(data[:-3])


def _comparable(event):
    return tuple(
        value.tolist() if isinstance(value, np.ndarray) else value
        for value in (getattr(event, name) for name in event.__slots__)
    )
