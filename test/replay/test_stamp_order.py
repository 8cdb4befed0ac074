import itertools

from hypothesis import given
from hypothesis import strategies as st

from dice_ros.replay.stamp_order import (
    JUMPED_BACK,
    LATE_IMAGES_MAX,
    REORDERED,
    REPEATED,
    StampOrder,
)

MS = 1_000_000


def order_of(stamps_ms):
    order = StampOrder()
    out = [item for n, stamp in enumerate(stamps_ms) for item in order.push(stamp * MS, n)]
    return out + list(order.flush())


def stamps(ordered):
    return [item.stamp_ns // MS for item in ordered]


def notes(ordered):
    return [item.note for item in ordered if item.note]


def test_an_image_that_comes_a_little_late_is_put_into_its_place():
    found = order_of([0, 66, 33, 100, 133])
    assert stamps(found) == [0, 33, 66, 100, 133]
    assert notes(found) == [REORDERED]


def test_a_loop_of_the_bag_begins_a_new_run():
    found = order_of([0, 33, 66, 1000, 0, 33, 66])
    assert stamps(found) == [0, 33, 66, 1000, 0, 33, 66]
    assert notes(found) == [JUMPED_BACK]


def test_an_image_that_comes_too_late_for_its_place_begins_a_new_run():
    late = [0, 10, 20, 30, 40, 50, 5, 60]
    found = order_of(late)
    assert stamps(found) == late
    assert notes(found) == [JUMPED_BACK]


def test_equal_stamps_keep_their_recorded_order():
    found = order_of([0, 33, 33, 33, 66])
    assert [item.item for item in found] == [0, 1, 2, 3, 4]
    assert notes(found) == [REPEATED, REPEATED]


@given(st.lists(st.integers(0, 2000), max_size=60))
def test_every_image_comes_out_once_and_runs_ascend(stamps_ms):
    found = order_of(stamps_ms)
    assert sorted(item.item for item in found) == list(range(len(stamps_ms)))
    for before, after in itertools.pairwise(found):
        assert after.stamp_ns >= before.stamp_ns or after.note == JUMPED_BACK


@given(st.lists(st.integers(0, 2000), min_size=1, max_size=60))
def test_few_images_wait_at_any_time(stamps_ms):
    order, inside = StampOrder(), 0
    for number, stamp in enumerate(stamps_ms):
        inside += 1 - len(list(order.push(stamp * MS, number)))
        assert inside < LATE_IMAGES_MAX
