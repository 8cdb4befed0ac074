"""Malformed messages at the real node over DDS: each one is counted with its reason."""

import threading
from collections import Counter

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from fuzz.fuzz_support import (
    ANSWERED,
    MAX_PIXELS,
    MEMORY_MB,
    NODE_CASES,
    MemoryPeak,
    end_if_it_hangs,
    nothing_hangs_any_more,
    verdict,
)
from fuzz.malformed_messages import MalformedMessages
from rclpy.parameter import Parameter
from ros.node_client import Client, image_message, next_stamp, start
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from test_support import wait_until

from dice_ros.pipeline import Pipeline

# Told by the node about calibrations that are right in themselves but not for the image.
NOT_OF_ONE_MESSAGE = {"camera_size_mismatch"}


@pytest.fixture(scope="module")
def fuzzed(ros, asset_dir):
    node = start(
        ros, lambda settings: Pipeline(asset_dir, settings), "fuzzed", max_image_pixels=MAX_PIXELS
    )
    client = ros.add(Client("fuzzed"))
    assert wait_until(lambda: len(client.topologies) == 3, 60)
    yield node, client
    nothing_hangs_any_more()
    ros.remove(client)
    ros.remove(node)


def expected_of(messages, count, kind):
    """(bytes, verdict) of many messages, made and judged before they are sent."""
    made = (messages.any_bytes(kind) for _ in range(count))
    return [(data, verdict(data, kind)) for data in made]


def outcomes(account):
    """What became of the images: the answered ones and each reason."""
    return Counter({ANSWERED: account.published, **account.drops})


@pytest.mark.parametrize(
    ("kind", "transport", "share"), [(Image, "raw", 2), (CompressedImage, "compressed", 3)]
)
def test_every_malformed_image_is_counted_with_its_reason(fuzzed, kind, transport, share):
    node, client = fuzzed
    node.set_parameters([Parameter("image_transport", value=transport)])
    publisher = client.images if kind is Image else client.compressed
    assert wait_until(publisher.get_subscription_count)
    messages, peak = MalformedMessages(share), MemoryPeak()
    threads = threading.active_count()
    before = node.accounting.account()
    expected = Counter()
    for data, outcome in expected_of(messages, NODE_CASES // share, kind):
        end_if_it_hangs()
        expected[outcome] += 1
        publisher.publish(data)
        total = before.received + expected.total()
        assert wait_until(lambda n=total: node.accounting.is_settled(n), 60), outcome
    after = node.accounting.account()
    assert outcomes(after) - outcomes(before) == expected
    assert (after.overwritten, after.notes.get("lost_in_transport", 0)) == (0, 0)
    assert node.failure is None
    assert threading.active_count() == threads
    assert peak.growth_mb() < MEMORY_MB


def test_every_malformed_calibration_is_noted_and_images_go_on(fuzzed):
    node, client = fuzzed
    node.set_parameters([Parameter("image_transport", value="raw")])
    assert wait_until(client.images.get_subscription_count)
    before = Counter(node.accounting.account().notes)
    expected = Counter()
    for data, outcome in expected_of(MalformedMessages(7), NODE_CASES // 6, CameraInfo):
        end_if_it_hangs()
        client.infos.publish(data)
        if outcome not in (ANSWERED, "uncalibrated"):
            expected[outcome] += 1
            assert wait_until(
                lambda name=outcome: (
                    node.accounting.account().notes.get(name, 0) >= before[name] + expected[name]
                ),
                60,
            )
    notes = Counter(node.accounting.account().notes) - before
    assert {name: notes[name] for name in expected} == expected
    picture = np.full((48, 64, 3), 90, np.uint8)
    stamp_ns = next_stamp()
    client.images.publish(image_message(picture, stamp_ns))
    assert client.answer(stamp_ns).person_id == -1
