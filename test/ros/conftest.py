"""The domain is chosen before any test starts a process."""

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

import ros_session  # noqa: F401 - chooses it
from ros.node_client import Client, start
from test_support import wait_until

from dice_ros.pipeline import Pipeline


@pytest.fixture(scope="module")
def factory(asset_dir):
    return lambda settings: Pipeline(asset_dir, settings)


@pytest.fixture(scope="module")
def served(ros, factory):
    """One node and its client for the tests that do not need their own."""
    node = start(ros, factory, "shared")
    client = ros.add(Client("shared"))
    assert wait_until(lambda: len(client.topologies) == 3, 30)
    assert wait_until(client.images.get_subscription_count)
    yield node, client
    ros.remove(client)
    ros.remove(node)
