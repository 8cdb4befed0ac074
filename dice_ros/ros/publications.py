"""Everything the node says about images: interactions, touches, topologies, markers, overlays,
frames."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.event_handler import PublisherEventCallbacks
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from visualization_msgs.msg import MarkerArray

from dice_ros.camera import Camera
from dice_ros.msg import HandFaceInteraction, MeshTopology
from dice_ros.ros.interaction_message import interaction_messages, topology_message
from dice_ros.ros.markers import MarkerMaker
from dice_ros.ros.overlay_publisher import OverlayPublisher
from dice_ros.ros.qos_text import subscriber_mismatch
from dice_ros.ros.rate_limit import RateLimit
from dice_ros.ros.tf_broadcast import TfBroadcast
from dice_ros.ros.touch_publisher import TouchPublisher
from dice_ros.settings import Settings
from dice_ros.types import FrameResult
from dice_ros.types import MeshTopology as Topology

_LATCHED = QoSProfile(
    depth=10,
    history=HistoryPolicy.KEEP_LAST,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)


class Publications:
    """The publishers. They last as long as the node: making them anew costs discovery each time.

    Args:
        node: the node that owns the topics.
        settings: settings in force.
        on_mismatch: told in words of subscribers whose QoS does not match.
    """

    def __init__(self, node: Node, settings: Settings, on_mismatch: Callable[[str], None]) -> None:
        def mismatch(event) -> None:
            on_mismatch(subscriber_mismatch(self._interaction.topic_name, event.last_policy_kind))

        events = PublisherEventCallbacks(incompatible_qos=mismatch)
        self._interaction = node.create_publisher(
            HandFaceInteraction, "dice/interaction", 10, event_callbacks=events
        )
        self._topology = node.create_publisher(MeshTopology, "dice/topology", _LATCHED)
        self._touches = TouchPublisher(node, settings)
        self._markers = node.create_publisher(MarkerArray, "dice/markers", 2)
        self._overlay = OverlayPublisher(node)
        self._tf = TfBroadcast(node)
        self._marker_rate = RateLimit()
        self._marker_maker: MarkerMaker | None = None
        self._known: set[tuple[str, str]] = set()
        self._announced: tuple[tuple[str, str], ...] = ()

    def announce(self, topologies: tuple[Topology, ...]) -> None:
        """Publish the meshes that were not published before, and learn to draw them all."""
        keys = tuple((topology.id, topology.mesh_hash) for topology in topologies)
        if keys == self._announced:
            return
        self._marker_maker = MarkerMaker(topologies)
        self._overlay.prepare(topologies)
        for key, topology in zip(keys, topologies, strict=True):
            if key not in self._known:
                self._topology.publish(topology_message(topology))
                self._known.add(key)
        self._announced = keys

    def answer(self, result: FrameResult, camera: Camera) -> None:
        """Publish what was found in an image."""
        for message in interaction_messages(result, camera):
            self._interaction.publish(message)

    def end_touches(self) -> None:
        """Publish the offset of every touch that lasts: no more images are answered for now."""
        self._touches.finish()

    def flush(self, timeout_s: float) -> None:
        """Wait until every listener has what was told of touches."""
        self._touches.flush(timeout_s)

    def extras(self, result: FrameResult, settings: Settings) -> None:
        """Touches, and what is nobody's answer; expensive topics only while somebody listens."""
        self._touches.answer(result, settings)
        if settings.publish_tf:
            self._tf.publish(result)
        listened = self._markers.get_subscription_count() > 0
        if listened and self._marker_maker and self._marker_rate.allows(settings.marker_rate_hz):
            self._markers.publish(self._marker_maker.markers(result))
        self._overlay.publish(result, settings.overlay_rate_hz)
