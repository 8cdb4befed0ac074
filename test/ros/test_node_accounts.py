"""Where images went, and what is wrong, as the real node tells it."""

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from rcl_interfaces.msg import Log
from rclpy.context import Context
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from ros.node_client import (
    Client,
    image_message,
    next_stamp,
    send,
    start,
)
from sensor_msgs.msg import CompressedImage, Image
from std_srvs.srv import Trigger
from test_support import wait_until


def test_every_frame_is_accounted_for(served, astronaut):
    node, client = served
    for _ in range(12):
        send(client, astronaut)
    last = send(client, astronaut)
    assert client.answer(last)

    def balanced():
        account = node.accounting.account()
        gone = account.published + sum(account.drops.values()) + account.overwritten
        return account.received == gone

    assert wait_until(balanced)


def test_images_that_come_too_fast_are_overwritten_and_counted(served, astronaut):
    node, client = served
    before = node.accounting.account().overwritten
    # Straight into the callback: DDS itself keeps one image only and would lose the rest before.
    for _ in range(20):
        node._on_image(serialize_message(image_message(astronaut, next_stamp())), {})
    assert wait_until(lambda: node.accounting.account().overwritten > before)
    assert wait_until(lambda: client.value("dropped.overwritten"))


def test_statistics_are_told_on_request_and_add_up(served, astronaut):
    node, client = served
    assert client.answer(send(client, astronaut))
    assert wait_until(lambda: node.accounting.account().in_flight == 0)
    stats = client.create_client(Trigger, "/shared/dice_node/stats")
    assert stats.wait_for_service(15.0)
    future = stats.call_async(Trigger.Request())
    assert wait_until(future.done)
    assert future.result().success
    told = json.loads(future.result().message)
    assert told["received"] == (
        told["published"] + told["overwritten"] + sum(told["drops"].values()) + told["in_flight"]
    )
    account = node.accounting.account()
    assert (told["received"], told["drops"]) == (account.received, account.drops)
    assert told["latency_ms"]["p50"] > 0


def test_silence_is_reported_with_what_may_be_the_cause(ros, factory, astronaut):
    node = start(ros, factory, "silent", input_timeout_s=0.5, image_reliability="reliable")
    client = ros.add(Client("silent"))
    client.destroy_publisher(client.images)
    text = wait_until(lambda: client.value("trouble.input_silent"), 30)
    assert wait_until(
        lambda: "nobody publishes /silent/image" in client.value("trouble.input_silent")
    ), text
    qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    shy = client.create_publisher(Image, "/silent/image", qos)
    assert wait_until(lambda: "image_reliability" in client.value("trouble.input_silent"))
    assert wait_until(lambda: node.accounting.account().notes.get("incompatible_qos"))
    assert "best_effort" in wait_until(lambda: client.value("remedy.incompatible_qos"))
    client.destroy_publisher(shy)
    # One participant has one type for a topic: the wrong one comes from another.
    context = Context()
    rclpy.init(context=context)
    mistaken = Node("mistaken", context=context)
    mistaken.create_publisher(CompressedImage, "/silent/image", 1)
    assert wait_until(lambda: "CompressedImage" in client.value("trouble.input_silent"))
    mistaken.destroy_node()
    context.shutdown()
    ros.remove(client)
    ros.remove(node)


def test_images_that_come_again_end_the_silence(ros, factory, astronaut):
    node = start(ros, factory, "resumed", input_timeout_s=2.0)
    client = ros.add(Client("resumed"))
    assert wait_until(lambda: client.value("trouble.input_silent"), 30)
    assert "send nothing" in client.value("trouble.input_silent")
    assert client.answer(send(client, astronaut))
    assert wait_until(lambda: client.status() == (DiagnosticStatus.OK, "ready"))
    ros.remove(client)
    ros.remove(node)


def test_an_executor_that_does_not_run_the_node_is_reported(ros, factory):
    node = start(ros, factory, "starved", stall_timeout_s=0.5)
    client = ros.add(Client("starved"))
    assert wait_until(lambda: len(client.topologies) == 3, 30)
    ros.executor.remove_node(node)
    assert "executor" in wait_until(lambda: client.value("trouble.executor_stalled"))
    ros.executor.add_node(node)
    assert wait_until(lambda: client.status()[1] != "" and "executor" not in client.status()[1])
    ros.remove(client)
    ros.remove(node)


CAMERA_WITHOUT_PROFILE = """
import time, rclpy
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
rclpy.init()
node = rclpy.create_node("camera")
qos = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
images = node.create_publisher(Image, "/lossy/image", qos)
message = Image(height=1080, width=1920, step=5760, encoding="rgb8")
message.data.frombytes(bytes(5760 * 1080))
small = Image(height=1, width=1, step=3, encoding="rgb8", data=[0, 0, 0])
while not images.get_subscription_count():
    time.sleep(0.05)
images.publish(small)
time.sleep(0.5)
for _ in range(30):
    images.publish(message)
    time.sleep(0.05)
time.sleep(0.5)
images.publish(small)
time.sleep(1.0)
"""


def test_images_lost_in_transport_are_counted_exactly_with_the_remedy(ros, factory):
    node = start(ros, factory, "lossy")
    client = ros.add(Client("lossy"))
    plain = {k: v for k, v in os.environ.items() if not k.endswith("_DEFAULT_PROFILES_FILE")}
    subprocess.run(
        [sys.executable, "-c", CAMERA_WITHOUT_PROFILE], env=plain, timeout=120, check=True
    )
    account = node.accounting.account()
    lost = account.notes.get("lost_in_transport", 0)
    assert lost + account.received == 32
    if lost:
        assert "fastdds.xml" in wait_until(lambda: client.value("remedy.lost_in_transport"))
    ros.remove(client)
    ros.remove(node)


def test_one_reason_to_warn_does_not_silence_another(ros, factory, astronaut):
    node = start(ros, factory, "noisy")
    client = ros.add(Client("noisy"))
    said = []
    client.create_subscription(Log, "/rosout", lambda log: said.append((log.name, log.msg)), 100)
    assert wait_until(lambda: len(client.topologies) == 3, 30)
    assert wait_until(client.images.get_subscription_count)
    assert wait_until(lambda: client.count_publishers("/rosout"))

    def warnings(text):
        return [line for name, line in list(said) if name == "noisy.dice_node" and text in line]

    for count, changes in enumerate([{"encoding": "klingon8"}, {"step": 7}] * 3, start=1):
        send(client, astronaut, **changes)
        wait_until(lambda n=count: sum(node.accounting.account().drops.values()) == n)
    assert wait_until(lambda: warnings("klingon8"))
    assert wait_until(lambda: warnings("step is 7"))
    assert (len(warnings("klingon8")), len(warnings("step is 7"))) == (1, 1)
    ros.remove(client)
    ros.remove(node)
