"""The real pipeline on rendered pictures of known touches: the demonstration clip."""

import pytest

from dice_ros.events.touch_detector import TouchDetector
from dice_ros.events.touch_event import TouchEnd, TouchPhase
from dice_ros.settings import Settings
from dice_ros.synthesis.demo_clip import EPOCH_NS, FRAME_COUNT, FRAME_PERIOD_NS
from dice_ros.synthesis.studio import Category
from dice_ros.types import HandSide

TOLERANCE_FRAMES = 2
TRUTH = {HandSide.RIGHT: ("right_cheek", 26, 63), HandSide.LEFT: ("chin", 87, 96)}


@pytest.fixture(scope="module")
def played(demo_clip, pipeline):
    """(events, frames that touch by the truth)."""
    pipeline.reset()
    detector, events, true_frames = TouchDetector(Settings()), [], []
    for number in range(FRAME_COUNT):
        frame, truth = demo_clip.frame(number)
        result = pipeline.process(frame)
        events += detector.update(frame.stamp_ns, result.interactions)
        if truth.category is Category.TOUCHING:
            true_frames.append(number)
    return events + list(detector.finish()), true_frames


def test_the_truth_is_as_written_here(played):
    _, frames = played
    expected = [n for _, first, last in TRUTH.values() for n in range(first, last + 1)]
    assert frames == expected


def test_the_touches_of_the_clip_are_found_with_their_hands_regions_and_times(played):
    offsets = [event for event in played[0] if event.phase is TouchPhase.OFFSET]
    assert [event.side for event in offsets] == list(TRUTH)
    for event in offsets:
        region, first, last = TRUTH[event.side]
        assert event.face_region == region
        assert event.end is TouchEnd.RELEASED
        start = (event.start_ns - EPOCH_NS) / FRAME_PERIOD_NS
        end = (event.end_ns - EPOCH_NS) / FRAME_PERIOD_NS
        assert start == pytest.approx(first, abs=TOLERANCE_FRAMES)
        assert end == pytest.approx(last, abs=TOLERANCE_FRAMES)


def test_the_pointing_hand_touches_with_its_index_finger(played):
    (event,) = [e for e in played[0] if e.phase is TouchPhase.OFFSET and e.touch_id == 2]
    assert event.hand_part == "index_tip"
    assert 0.5 < event.confidence < 1.0
