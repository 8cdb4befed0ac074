"""Touches over real DDS: from images to events, and to a node that listens."""

import inspect
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from dice_ros.msg import TouchEvent, TouchSummary
from events.touch_scripts import HOVERING, Stage, touching
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from ros.node_client import Client, image_message, next_stamp, start
from std_msgs.msg import UInt32
from test_support import wait_until

from dice_ros.events.touch_event import TouchEnd, TouchPhase
from dice_ros.replay.touch_record import touch_event_of
from dice_ros.ros.mouth_touch_counter import MouthTouchCounter
from dice_ros.ros.touch_message import touch_message


class Listener(Node):
    """Keeps touch events and summaries."""

    def __init__(self, prefix):
        super().__init__("touch_listener", namespace=prefix)
        self.events, self.summaries, self.counts = [], [], []
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.create_subscription(TouchEvent, "dice/touch_events", self.events.append, 100)
        self.create_subscription(TouchSummary, "dice/touch_summary", self.summaries.append, latched)
        self.create_subscription(UInt32, "mouth_touches", self.counts.append, 10)

    def told(self, phase):
        return [event for event in map(touch_event_of, self.events) if event.phase is phase]


def show(client, picture, count):
    """Images that are answered one by one; their stamps."""
    stamps = []
    for _ in range(count):
        stamps.append(next_stamp())
        client.images.publish(image_message(picture, stamps[-1]))
        assert client.answer(stamps[-1])
    return stamps


def test_deactivation_ends_the_touch_that_lasts(ros, factory, touching_render):
    frame, _ = touching_render
    node = start(ros, factory, "touches")
    client, listener = ros.add(Client("touches")), ros.add(Listener("touches"))
    assert wait_until(lambda: len(client.topologies) == 3, 60)
    stamps = show(client, frame.image, 6)
    assert wait_until(lambda: listener.told(TouchPhase.ONSET))
    assert not listener.told(TouchPhase.OFFSET)
    node.trigger_deactivate()
    assert wait_until(lambda: listener.told(TouchPhase.OFFSET))
    (offset,) = listener.told(TouchPhase.OFFSET)
    assert offset.end is TouchEnd.END_OF_INPUT
    assert (offset.start_ns, offset.end_ns) == (stamps[0], stamps[-1])
    assert offset.frame_id == "eye"
    assert offset.path[0].face_region == offset.face_region
    assert wait_until(lambda: listener.summaries and listener.summaries[-1].touches == 1)
    summary = listener.summaries[-1]
    assert summary.observed_s == pytest.approx(0.5)
    assert summary.region_names == [offset.face_region]
    assert summary.longest_id == offset.touch_id
    late = ros.add(Listener("touches"))
    assert wait_until(lambda: late.summaries)
    node.trigger_activate()
    show(client, frame.image, 3)
    assert wait_until(lambda: len(listener.told(TouchPhase.ONSET)) == 2)
    assert [event.touch_id for event in listener.told(TouchPhase.ONSET)] == [1, 2]
    ros.remove(node)
    assert wait_until(lambda: len(listener.told(TouchPhase.OFFSET)) == 2)
    for other in (client, listener, late):
        ros.remove(other)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_node_that_is_told_to_end_ends_its_touches(ros, touching_render, number):
    frame, _ = touching_render
    prefix = f"ended_{int(number)}"
    client, listener = ros.add(Client(prefix)), ros.add(Listener(prefix))
    process = subprocess.Popen(
        [sys.executable, "-m", "dice_ros.ros.dice_node", "--ros-args", "-r", f"__ns:=/{prefix}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=dict(os.environ),
    )
    try:
        assert wait_until(lambda: len(client.topologies) == 3, 60)
        assert wait_until(client.images.get_subscription_count, 60)
        # Images may be lost between processes: show some more, until it is told.
        for _ in range(100):
            client.images.publish(image_message(frame.image, next_stamp()))
            if wait_until(lambda: listener.told(TouchPhase.ONSET), 0.5):
                break
        assert listener.told(TouchPhase.ONSET)
        process.send_signal(number)
        text, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, text
    assert wait_until(lambda: listener.told(TouchPhase.OFFSET)), text
    assert "Traceback" not in text
    for node in (client, listener):
        ros.remove(node)


def test_every_field_survives_the_message():
    stage = Stage()
    stage.play(0, 500, touching("chin"))
    stage.play(533, 1500, touching("upper_lip", part="palm"))
    stage.play(1533, 2000, HOVERING)
    for event in stage.events:
        again = touch_event_of(touch_message(event))
        for name in event.__slots__:
            value, copy = getattr(event, name), getattr(again, name)
            if name == "centre":
                assert copy.tolist() == value.tolist()
            elif isinstance(value, float):
                assert copy == pytest.approx(value, rel=1e-6)
            else:
                assert copy == value, name


def test_the_example_counts_touches_of_the_mouth(ros):
    stage = Stage()
    stage.play(0, 1000, touching("chin"))
    stage.play(1033, 2000, touching("lower_lip"))  # a slide to the mouth
    stage.play(2033, 3000, HOVERING)
    stage.play(3033, 4000, touching("left_cheek"))
    stage.play(4033, 5000, HOVERING)
    stage.play(5033, 6000, touching("mouth"))
    stage.play(6033, 70_000, HOVERING, step_ms=100)
    stage.play(70_033, 71_000, touching("upper_lip"))
    stage.finish()
    example = ros.add(MouthTouchCounter(namespace="mouth"))
    listener = ros.add(Listener("mouth"))
    publisher = listener.create_publisher(TouchEvent, "dice/touch_events", 100)
    assert wait_until(lambda: publisher.get_subscription_count() == 2)
    assert wait_until(lambda: example.count_subscribers("mouth_touches"))
    for event in stage.events:
        publisher.publish(touch_message(event))
    assert wait_until(lambda: len(listener.counts) == 3)
    restarted = Stage()  # whoever sees touches was started again: numbers begin at one
    restarted.play(72_000, 73_000, touching("mouth"))
    for event in restarted.finish().events:
        publisher.publish(touch_message(event))
    assert wait_until(lambda: len(listener.counts) == 4)
    assert [count.data for count in listener.counts] == [1, 2, 1, 2]
    for node in (example, listener):
        ros.remove(node)


def test_the_document_shows_the_example_that_runs():
    source = inspect.getsource(MouthTouchCounter)
    document = Path(__file__).parents[2] / "docs" / "events.md"
    assert source.strip() in document.read_text()
