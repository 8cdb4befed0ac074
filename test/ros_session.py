"""A ROS of our own: a random domain on this machine alone."""

import contextlib
import os
import random
import threading

# Where tests run side by side (pytest-xdist), each process has domains of its own.
os.environ["ROS_DOMAIN_ID"] = str(
    random.SystemRandom().randrange(
        10 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")),
        101,
        int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")),
    )
)
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"

import rclpy
from rclpy._rclpy_pybind11 import InvalidHandle

from dice_ros.ros.dds_profile import use_dds_profile

use_dds_profile()


class Ros:
    """Nodes spinning in a thread of their own."""

    def __init__(self):
        from rclpy.executors import SingleThreadedExecutor

        rclpy.init()
        self.executor = SingleThreadedExecutor()
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._running = True
        self._thread.start()

    def _spin(self):
        while self._running:
            # Tests destroy publishers and whole nodes from their own thread: where the executor was
            # just about to wait for one of them it raises, once. All later tests would go unheard.
            with contextlib.suppress(InvalidHandle):
                self.executor.spin_once(timeout_sec=0.05)

    def add(self, node):
        self.executor.add_node(node)
        return node

    def remove(self, node):
        self.executor.remove_node(node)
        node.destroy_node()

    def close(self):
        self._running = False
        self._thread.join()
        self.executor.shutdown()
        rclpy.shutdown()
