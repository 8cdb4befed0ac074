"""The subscriptions: images as the bytes that came, and calibrations.

Images are taken without being deserialized. Most of them are overwritten by a newer one before
their turn comes, the executor stays free, and bytes that are no message are counted by the worker
instead of being lost inside the middleware.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSPolicyKind,
    QoSProfile,
    ReliabilityPolicy,
    qos_profile_sensor_data,
)
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from dice_ros.ros.qos_text import publisher_mismatch
from dice_ros.settings import Settings

OnImage = Callable[[bytes, Mapping[str, Any]], None]
OnBytes = Callable[[bytes], None]


class ImageInput:
    """Subscribes to an image topic and its calibration.

    Args:
        node: the node.
        settings: transport and reliability.
        on_image: called with the bytes of every image and what rclpy says about the message.
        on_camera_info: called with the bytes of every calibration.
        on_mismatch: told in words of publishers whose QoS does not match.
    """

    def __init__(
        self,
        node: Node,
        settings: Settings,
        on_image: OnImage,
        on_camera_info: OnBytes,
        on_mismatch: Callable[[str], None],
    ) -> None:
        self._node = node
        self._on_image = on_image
        self._on_mismatch = on_mismatch
        self._key = _key(settings)
        self._subscribe(settings)
        self._info = node.create_subscription(
            CameraInfo, "camera_info", on_camera_info, qos_profile_sensor_data, raw=True
        )

    @property
    def kind(self) -> type[Image] | type[CompressedImage]:
        """Type of the images."""
        return self._images.msg_type

    @property
    def topic(self) -> str:
        """Resolved name of the image topic."""
        return self._images.topic_name

    @property
    def info_topic(self) -> str:
        """Resolved name of the calibration's topic."""
        return self._info.topic_name

    def change(self, settings: Settings) -> None:
        """Subscribe anew if transport or reliability changed."""
        if _key(settings) == self._key:
            return
        self._key = _key(settings)
        self._node.destroy_subscription(self._images)
        self._subscribe(settings)

    def silence_text(self) -> str:
        """Why no image may come."""
        publishers = self._node.get_publishers_info_by_topic(self.topic)
        if not publishers:
            return f"nobody publishes {self.topic}: start the camera, or remap the topic"
        wanted = f"{self.kind.__module__.split('.')[0]}/msg/{self.kind.__name__}"
        types = {item.topic_type for item in publishers}
        if wanted not in types:
            return (
                f"{self.topic} is published as {', '.join(sorted(types))}, but {wanted} is wanted: "
                "set the parameter image_transport, or remap the topic"
            )
        best_effort = all(
            item.qos_profile.reliability is ReliabilityPolicy.BEST_EFFORT for item in publishers
        )
        if best_effort and self._key[1] == "reliable":
            return publisher_mismatch(self.topic, QoSPolicyKind.RELIABILITY)
        return (
            f"{self.topic} has {len(publishers)} publisher(s) that send nothing, or nothing of it "
            "arrives: set FASTDDS_DEFAULT_PROFILES_FILE to config/fastdds.xml for the camera's "
            "process"
        )

    def _subscribe(self, settings: Settings) -> None:
        compressed = settings.image_transport == "compressed"
        kind, topic = (CompressedImage, "image/compressed") if compressed else (Image, "image")
        reliable = settings.image_reliability == "reliable"
        qos = QoSProfile(
            depth=1,
            history=HistoryPolicy.KEEP_LAST,
            reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
            durability=DurabilityPolicy.VOLATILE,
        )
        events = SubscriptionEventCallbacks(incompatible_qos=self._mismatch)
        self._images = self._node.create_subscription(
            kind, topic, self._receive, qos, event_callbacks=events, raw=True
        )

    # rclpy looks at the number of arguments: two ask for what is known about the message.
    def _receive(self, data: bytes, info: Mapping[str, Any]) -> None:
        self._on_image(data, info)

    def _mismatch(self, event) -> None:
        # A mismatch is the most frequent reason for "nothing arrives": say it with the fix.
        self._on_mismatch(publisher_mismatch(self.topic, event.last_policy_kind))


def _key(settings: Settings) -> tuple[str, str]:
    return settings.image_transport, settings.image_reliability
