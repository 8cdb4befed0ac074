"""The mailbox between the executor and the worker, with real threads."""

import threading

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from dice_ros.ros.mailbox import Mailbox


def test_the_newest_item_replaces_an_unread_one():
    mailbox = Mailbox()
    for item in (1, 2, 3):
        mailbox.put(item)
    assert mailbox.waiting == 1
    assert mailbox.take() == 3
    assert (mailbox.overwritten, mailbox.waiting) == (2, 0)


def test_nothing_comes_out_of_an_empty_mailbox():
    assert Mailbox().take(0.0) is None


def test_closing_wakes_whoever_waits():
    mailbox, taken = Mailbox(), []
    waiter = threading.Thread(target=lambda: taken.append(mailbox.take()))
    waiter.start()
    mailbox.close()
    waiter.join(10)
    assert taken == [None]
    assert mailbox.is_closed


def test_every_item_is_taken_overwritten_or_waiting():
    mailbox, taken = Mailbox(), []

    def take():
        while (item := mailbox.take()) is not None:
            taken.append(item)

    reader = threading.Thread(target=take)
    reader.start()
    for item in range(1, 20_001):
        mailbox.put(item)
    while mailbox.waiting:
        pass
    mailbox.close()
    reader.join(10)
    assert len(taken) + mailbox.overwritten == 20_000
    assert taken == sorted(taken)
    assert taken[-1] == 20_000
