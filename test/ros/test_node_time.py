"""Stamps, clocks and simulated time at the real node."""

import time

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from ros.node_client import EPOCH, Client, send, start
from rosgraph_msgs.msg import Clock
from test_support import wait_until

from dice_ros.ros.interaction_message import header


def test_a_stamp_that_goes_back_starts_new_tracks(served, astronaut):
    node, client = served
    first = client.answer(send(client, astronaut))
    earlier = EPOCH - 3600 * 10**9
    message = client.answer(send(client, astronaut, stamp_ns=earlier))
    assert message.person_id != first.person_id
    assert node.accounting.account().notes["stamp_went_back"] >= 1


def test_a_bag_that_starts_over_in_simulated_time_starts_new_tracks(ros, factory, astronaut):
    node = start(ros, factory, "looped", use_sim_time=True)
    client = ros.add(Client("looped"))
    clock = client.create_publisher(Clock, "/clock", 10)
    assert wait_until(lambda: len(client.topologies) == 3, 30)
    assert wait_until(clock.get_subscription_count)

    def play(seconds):
        stamp_ns = EPOCH + int(seconds * 10**9)
        clock.publish(Clock(clock=header(stamp_ns, "").stamp))
        assert wait_until(lambda: node.get_clock().now().nanoseconds == stamp_ns)
        return client.answer(send(client, astronaut, stamp_ns=stamp_ns))

    first = [play(0.1 * number) for number in range(1, 4)]
    assert len({message.person_id for message in first}) == 1
    client.interactions.clear()
    second = [play(0.1 * number) for number in range(1, 4)]
    assert len({message.person_id for message in second}) == 1
    assert second[0].person_id != first[0].person_id
    notes = node.accounting.account().notes
    assert notes["clock_went_back"] == 1
    assert "late_frame" not in notes
    assert "foreign_clock" not in notes
    account = node.accounting.account()
    assert (account.published, account.drops) == (6, {})
    # Nothing is left of the first pass: the second gives the same meshes.
    assert first[0].face.vertices == second[0].face.vertices
    ros.remove(client)
    ros.remove(node)


def test_a_clock_that_goes_back_alone_starts_new_tracks_too(ros, factory, astronaut):
    node = start(ros, factory, "rewound", use_sim_time=True)
    client = ros.add(Client("rewound"))
    clock = client.create_publisher(Clock, "/clock", 10)
    assert wait_until(lambda: len(client.topologies) == 3, 30)
    assert wait_until(clock.get_subscription_count)
    for seconds in (10, 5):
        clock.publish(Clock(clock=header(EPOCH + seconds * 10**9, "").stamp))
        assert wait_until(lambda s=seconds: node.get_clock().now().nanoseconds == EPOCH + s * 10**9)
        if seconds == 10:
            before = client.answer(send(client, astronaut, stamp_ns=EPOCH + 10 * 10**9))
    after = client.answer(send(client, astronaut, stamp_ns=EPOCH + 10 * 10**9 + 1))
    assert after.person_id != before.person_id
    ros.remove(client)
    ros.remove(node)


def test_a_camera_that_pauses_or_changes_its_resolution_starts_new_tracks(served, astronaut):
    node, client = served
    small = np.ascontiguousarray(astronaut[::2, ::2])
    stamp_ns = EPOCH + 24 * 3600 * 10**9
    seen = []
    for passed_s, picture in ((0, astronaut), (1, astronaut), (7, astronaut), (8, small)):
        at_ns = stamp_ns + passed_s * 10**9
        seen.append(client.answer(send(client, picture, stamp_ns=at_ns)).person_id)
    assert seen[0] == seen[1]
    assert len(set(seen)) == 3
    notes = node.accounting.account().notes
    assert notes["stamp_jumped_ahead"] >= 1
    assert notes["resolution_changed"] >= 1


def test_late_images_are_answered_counted_and_reported(ros, factory, astronaut):
    node = start(ros, factory, "late", late_frame_s=0.5)
    client = ros.add(Client("late"))
    assert wait_until(lambda: len(client.topologies) == 3, 30)
    for number in range(1, 4):
        stamp_ns = time.time_ns() - 2 * 10**9
        assert client.answer(send(client, astronaut, stamp_ns=stamp_ns)).face_present
        assert node.accounting.account().notes["late_frame"] == number
    assert wait_until(lambda: "came late" in client.status()[1])
    ros.remove(client)
    ros.remove(node)


def test_reports_come_while_simulated_time_stands_still(ros, factory):
    node = start(ros, factory, "paused", use_sim_time=True)
    client = ros.add(Client("paused"))
    assert "/clock" in wait_until(lambda: client.value("trouble.no_clock"), 30)
    assert client.diagnostics[-1].status[0].name == "paused/dice_node: interaction"
    ros.remove(client)
    ros.remove(node)
