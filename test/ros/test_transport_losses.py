"""Gaps in the numbers of publishers."""

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from dice_ros.ros.transport_losses import TransportLosses


def info(number, publisher=b"a"):
    return {"publication_sequence_number": number, "publisher_gid": {"data": publisher}}


def test_gaps_are_counted_publisher_by_publisher():
    losses = TransportLosses()
    numbers = [(7, b"a"), (1, b"b"), (8, b"a"), (11, b"a"), (3, b"b")]
    assert [losses.seen(info(*item)) for item in numbers] == [0, 0, 0, 2, 1]


def test_numbers_that_repeat_or_go_back_are_no_losses():
    losses = TransportLosses()
    assert [losses.seen(info(number)) for number in (5, 5, 3, 6)] == [0, 0, 0, 0]


@pytest.mark.parametrize("unnumbered", [{}, {"publication_sequence_number": None}, info(0)])
def test_middlewares_that_do_not_number_messages_count_none(unnumbered):
    losses = TransportLosses()
    assert [losses.seen(unnumbered) for _ in range(3)] == [0, 0, 0]


def test_publishers_that_went_are_forgotten():
    losses = TransportLosses()
    for publisher in range(1000):
        losses.seen(info(1, publisher.to_bytes(4, "little")))
    assert len(losses._last) <= 101
