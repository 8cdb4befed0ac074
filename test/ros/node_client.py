"""A camera and a listener for the tests of the node, and starting one."""

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from diagnostic_msgs.msg import DiagnosticArray
from dice_ros.msg import HandFaceInteraction, MeshTopology
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from test_support import wait_until
from visualization_msgs.msg import MarkerArray

from dice_ros.ros.dice_node import DiceNode
from dice_ros.ros.interaction_message import header

EPOCH = 1_700_000_000_000_000_000


class Client(Node):
    """A camera and a listener in one."""

    def __init__(self, prefix, extra=()):
        super().__init__(f"client_{prefix}")
        qos = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)
        latched = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.interactions, self.topologies, self.diagnostics = [], [], []
        self.markers, self.overlays, self.contact_points = [], [], []
        self.images = self.create_publisher(Image, f"/{prefix}/image", qos)
        self.compressed = self.create_publisher(CompressedImage, f"/{prefix}/image/compressed", qos)
        self.infos = self.create_publisher(CameraInfo, f"/{prefix}/camera_info", qos)
        topic = f"/{prefix}/dice"
        self.create_subscription(
            HandFaceInteraction, f"{topic}/interaction", self.interactions.append, 10
        )
        self.create_subscription(MeshTopology, f"{topic}/topology", self.topologies.append, latched)
        self._reporter = f"{prefix}/dice_node"
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        if "markers" in extra:
            self.create_subscription(MarkerArray, f"{topic}/markers", self.markers.append, 10)
        if "overlay" in extra:
            self.create_subscription(Image, f"{topic}/overlay", self.overlays.append, 10)
        if "contact_points" in extra:
            self.create_subscription(
                PointCloud2, f"{topic}/contact_points", self.contact_points.append, 10
            )

    def _on_diagnostics(self, report):
        # Every node reports there: only ours counts.
        if report.status[0].name.startswith(self._reporter):
            self.diagnostics.append(report)

    def answer(self, stamp_ns, timeout_s=15.0):
        """The first message with a stamp."""

        def found():
            for message in list(self.interactions):
                stamp = message.header.stamp
                if stamp.sec * 10**9 + stamp.nanosec == stamp_ns:
                    return message
            return None

        return wait_until(found, timeout_s)

    def status(self):
        """(level, message) of the newest diagnostics."""
        found = self.diagnostics[-1].status[0] if self.diagnostics else None
        return found and (found.level, found.message)

    def value(self, key):
        """A value of the newest diagnostics."""
        for report in reversed(self.diagnostics):
            for item in report.status[0].values:
                if item.key == key:
                    return item.value
        return None


def image_message(picture, stamp_ns, frame_id="eye"):
    message = Image(header=header(stamp_ns, frame_id), encoding="rgb8")
    message.height, message.width = picture.shape[:2]
    message.step = 3 * picture.shape[1]
    message.data.frombytes(np.ascontiguousarray(picture).tobytes())
    return message


def info_message(camera, stamp_ns):
    info = CameraInfo(header=header(stamp_ns, "eye"), width=camera.width, height=camera.height)
    info.k = camera.K.reshape(-1)
    return info


def parameters(**values):
    defaults = {"diagnostics_period_s": 0.2, "camera_info_wait_s": 0.0} | values
    return [Parameter(name, value=value) for name, value in defaults.items()]


def start(ros, factory, prefix, **values):
    node = DiceNode(factory, namespace=prefix, parameter_overrides=parameters(**values))
    ros.add(node)
    return node


_CLOCK = [EPOCH]


def next_stamp():
    _CLOCK[0] += 100_000_000
    return _CLOCK[0]


def send(client, picture, **changes):
    """Publish an image, fields changed; its stamp."""
    stamp_ns = changes.pop("stamp_ns", None) or next_stamp()
    message = image_message(picture, stamp_ns)
    for name, value in changes.items():
        setattr(message, name, value)
    client.images.publish(message)
    return stamp_ns
