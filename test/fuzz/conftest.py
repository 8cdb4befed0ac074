"""The domain is chosen before any test starts a process."""

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

import ros_session  # noqa: F401 - chooses it
