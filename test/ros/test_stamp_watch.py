"""Stamps and sizes of images in turn, without a node."""

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from hypothesis import given
from hypothesis import strategies as st

from dice_ros.ros.stamp_watch import StampWatch

S = 1_000_000_000
START = 1_700_000_000 * S


def judge(*images, now_ns=None, late_s=1.0):
    """Verdicts on (stamp, size) in turn; the clock is that of the images unless given."""
    watch = StampWatch()
    return [
        watch.see(stamp, size, now_ns=stamp if now_ns is None else now_ns, late_s=late_s)
        for stamp, size in images
    ]


def test_images_in_order_are_nothing_peculiar():
    verdicts = judge(*((START + n * S // 30, (480, 640)) for n in range(100)))
    assert all(not verdict.notes and not verdict.ends_tracks for verdict in verdicts)


@pytest.mark.parametrize(
    ("second", "size", "note", "ends"),
    [
        (START - 1, (480, 640), "stamp_went_back", True),
        (START - 3600 * S, (480, 640), "stamp_went_back", True),
        (START + 6 * S, (480, 640), "stamp_jumped_ahead", True),
        (START, (480, 640), "stamp_repeated", False),
        (START + S, (240, 320), "resolution_changed", True),
    ],
)
def test_jumps_are_named_and_end_tracks(second, size, note, ends):
    verdict = judge((START, (480, 640)), (second, size))[1]
    assert verdict.notes == (note,)
    assert verdict.ends_tracks is ends


@pytest.mark.parametrize(
    ("age_s", "notes"),
    [(0.5, ()), (1.5, ("late_frame",)), (61, ("foreign_clock",)), (-61, ("foreign_clock",))],
)
def test_age_is_judged_by_the_clock(age_s, notes):
    (verdict,) = judge((START, (480, 640)), now_ns=START + int(age_s * S))
    assert verdict.notes == notes


def test_a_simulated_clock_that_has_not_begun_says_nothing_about_age():
    (verdict,) = judge((START, (480, 640)), now_ns=0)
    assert verdict.notes == ()


@given(
    st.lists(
        st.tuples(st.integers(0, 2**62), st.sampled_from([(480, 640), (720, 1280)])), min_size=1
    )
)
def test_tracks_end_exactly_when_time_or_size_says_so(images):
    verdicts = judge(*images)
    assert not verdicts[0].ends_tracks
    for (before, old), (after, new), verdict in zip(images, images[1:], verdicts[1:], strict=False):
        assert verdict.ends_tracks == (after < before or after - before > 5 * S or old != new)
