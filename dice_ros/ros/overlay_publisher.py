"""Overlay pictures, drawn only while somebody looks and not more often than asked."""

from __future__ import annotations

import cv2
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from dice_ros.render.overlay import OverlayRenderer
from dice_ros.ros.interaction_message import header
from dice_ros.ros.rate_limit import RateLimit
from dice_ros.types import FrameResult, MeshTopology, UInt8Array

_JPEG_QUALITY = 85


class OverlayPublisher:
    """Publishes ``dice/overlay`` and ``dice/overlay/compressed`` (JPEG).

    Args:
        node: the node that owns the topics.
    """

    def __init__(self, node: Node) -> None:
        self._raw = node.create_publisher(Image, "dice/overlay", 2)
        self._jpeg = node.create_publisher(CompressedImage, "dice/overlay/compressed", 2)
        self._rate = RateLimit()
        self._renderer: OverlayRenderer | None = None

    def prepare(self, topologies: tuple[MeshTopology, ...]) -> None:
        """Learn the meshes; nothing is published before."""
        self._renderer = OverlayRenderer(topologies)

    def publish(self, result: FrameResult, rate_hz: float) -> None:
        """Draw and send one picture, if somebody listens and it is time."""
        wants_raw = self._raw.get_subscription_count() > 0
        wants_jpeg = self._jpeg.get_subscription_count() > 0
        if self._renderer is None or not (wants_raw or wants_jpeg):
            return
        if not self._rate.allows(rate_hz):
            return
        picture = self._renderer.draw(result.frame, result.interactions)
        stamp = header(result.frame.stamp_ns, result.frame.frame_id)
        if wants_raw:
            self._raw.publish(_raw_message(picture, stamp))
        if wants_jpeg:
            self._jpeg.publish(_jpeg_message(picture, stamp))


def _raw_message(picture: UInt8Array, stamp: Header) -> Image:
    height, width = picture.shape[:2]
    message = Image(header=stamp, height=height, width=width, encoding="rgb8", step=3 * width)
    message.data.frombytes(picture.tobytes())
    return message


def _jpeg_message(picture: UInt8Array, stamp: Header) -> CompressedImage:
    quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), quality)
    message = CompressedImage(header=stamp, format="jpeg")
    message.data.frombytes(data.tobytes())
    return message
