"""What holds for every sequence of frames, however odd."""

from collections import defaultdict

from events.touch_scripts import MS, START_NS, Seen, person
from hypothesis import given
from hypothesis import strategies as st

from dice_ros.events.touch_detector import TouchDetector
from dice_ros.events.touch_event import TouchPhase
from dice_ros.settings import Settings
from dice_ros.types import ContactSource, HandSide

REGIONS = st.sampled_from(["chin", "mouth", "nose_tip"])
PARTS = st.sampled_from(["index_tip", "palm"])


@st.composite
def hands(draw):
    probability = draw(st.floats(0.0, 1.0, width=32))
    places = draw(st.lists(st.tuples(st.tuples(PARTS, REGIONS), st.floats(0, 300)), max_size=3))
    return Seen(probability, tuple(places))


@st.composite
def frames(draw):
    """(milliseconds since the frame before, people)."""
    passed = draw(st.one_of(st.integers(0, 150), st.sampled_from([400, 600, 5000, -300])))
    people = draw(
        st.dictionaries(
            st.integers(1, 2),
            st.tuples(st.booleans(), st.dictionaries(st.sampled_from(HandSide), hands())),
        )
    )
    return passed, people


@st.composite
def rules(draw):
    on = draw(st.floats(0.1, 1.0))
    return Settings.from_mapping(
        {
            "touch_on_probability": on,
            "touch_off_probability": draw(st.floats(0.0, on)),
            "touch_release_drop": draw(st.sampled_from([0.0, 0.12, 5.0])),
            "touch_min_s": draw(st.sampled_from([0.0, 0.1, 0.3])),
            "touch_release_s": draw(st.sampled_from([0.0, 0.2, 1.0])),
            "touch_lost_s": draw(st.sampled_from([0.0, 0.5, 1.0])),
            "touch_place_min_s": draw(st.sampled_from([0.0, 0.15])),
            "touch_update_hz": draw(st.sampled_from([0.0, 5.0, 120.0])),
        }
    )


@given(
    st.lists(frames(), max_size=60),
    rules(),
    st.sampled_from([ContactSource.NETWORK, ContactSource.PROXIMITY_PRIOR]),
)
def test_every_touch_begins_once_and_ends_once(played, settings, source):
    detector, now = TouchDetector(settings), START_NS
    events, epochs, epoch = [], {}, 0
    for passed, people in played:
        now += passed * MS
        told = detector.update(
            now,
            [
                person(now, seen, person_id=person_id, face=face, source=source)
                for person_id, (face, seen) in people.items()
            ],
        )
        # Stamps that went back begin another time: touches of both may overlap.
        epoch += passed < 0
        for event in told:
            if event.phase is TouchPhase.ONSET:
                epochs[event.touch_id] = epoch
        events += told
    events += detector.finish()

    lives = defaultdict(list)
    for event in events:
        lives[event.touch_id].append(event)
    assert list(lives) == list(range(1, len(lives) + 1))
    for life in lives.values():
        phases = [event.phase for event in life]
        assert phases[0] is TouchPhase.ONSET
        assert phases[-1] is TouchPhase.OFFSET
        assert set(phases[1:-1]) <= {TouchPhase.UPDATE}
        _check_life(life, settings)
    _check_apart([life[-1] for life in lives.values()], epochs)


def _check_life(life, settings):
    offset = life[-1]
    assert len({(event.person_id, event.side, event.start_ns) for event in life}) == 1
    assert offset.duration_s >= settings.touch_min_s - 1e-9
    assert [event.stamp_ns for event in life] == sorted(event.stamp_ns for event in life)
    for event in life:
        assert (event.end is None) == (event.end_ns is None) == (event is not offset)
        assert event.path[0].start_ns == event.start_ns
        for place, following in zip(event.path, event.path[1:], strict=False):
            assert place.end_ns == following.start_ns
            assert (place.hand_part, place.face_region) != (
                following.hand_part,
                following.face_region,
            )
        assert event.hand_part in event.hand_parts
        assert event.face_region in event.face_regions
        assert {place.face_region for place in event.path} <= set(event.face_regions)
        assert 0.0 <= event.confidence <= event.mean_probability + 1e-9
        assert event.mean_probability <= event.peak_probability + 1e-9 <= 1.0 + 2e-9
    assert offset.path[-1].end_ns == offset.end_ns <= offset.stamp_ns


def _check_apart(offsets, epochs):
    last_ns = {}
    for offset in offsets:
        hand = offset.person_id, offset.side, epochs[offset.touch_id]
        assert last_ns.get(hand, 0) <= offset.start_ns
        last_ns[hand] = offset.end_ns
