"""The node: camera images in, hand-face interaction out.

Callbacks only put images into a one-slot mailbox. A worker thread owns the pipeline, decodes,
estimates and publishes, so the executor is never held up and a slow frame costs nothing but the
images that arrive meanwhile, which are counted.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSProfile,
    ReliabilityPolicy,
    qos_profile_sensor_data,
)
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from visualization_msgs.msg import MarkerArray

from dice_ros.assets.store import require_assets
from dice_ros.camera import Camera
from dice_ros.errors import CameraError, DiceRosError, DroppedFrameError, SettingsError
from dice_ros.msg import HandFaceInteraction, MeshTopology
from dice_ros.pipeline import Pipeline
from dice_ros.render.overlay import OverlayRenderer
from dice_ros.ros.dds_profile import use_dds_profile
from dice_ros.ros.diagnostics_report import diagnostics
from dice_ros.ros.frame_accounting import FrameAccounting
from dice_ros.ros.image_message import camera_of, fit_camera, frame_of
from dice_ros.ros.interaction_message import header, interaction_messages, topology_message
from dice_ros.ros.mailbox import Mailbox
from dice_ros.ros.markers import MarkerMaker
from dice_ros.ros.parameters import SettingsParameters
from dice_ros.ros.rate_limit import RateLimit
from dice_ros.ros.tf_broadcast import TfBroadcast
from dice_ros.settings import Settings
from dice_ros.types import Frame, FrameResult

PipelineFactory = Callable[[Settings], Pipeline]

_WARN_PERIOD_S = 5.0
_JPEG_QUALITY = 85
_LATCHED = QoSProfile(
    depth=10,
    history=HistoryPolicy.KEEP_LAST,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)


@dataclass(frozen=True, slots=True)
class _Arrival:
    """An image message and when it was received."""

    message: Image | CompressedImage
    received_s: float


class DiceNode(Node):
    """Publishes :class:`dice_ros.msg.HandFaceInteraction` for every image.

    Args:
        pipeline_factory: makes the pipeline from the settings; None takes the user's assets.
        **options: handed to :class:`rclpy.node.Node`.

    Raises:
        SettingsError: a parameter is unknown or invalid.
    """

    def __init__(self, pipeline_factory: PipelineFactory | None = None, **options) -> None:
        super().__init__("dice_node", **options)
        # First what destroy_node needs: a wrong parameter below ends the node half made.
        self._accounting = FrameAccounting()
        self._mailbox: Mailbox[_Arrival] = Mailbox()
        self._changed_settings: Mailbox[Settings] = Mailbox()
        self._worker: threading.Thread | None = None
        self._make_pipeline = pipeline_factory or _pipeline_of_the_user
        self._settings_parameters = SettingsParameters(self, self._on_settings)
        self._camera: Camera | None = None
        self._camera_lock = threading.Lock()
        self._assumed: Camera | None = None
        self._first_image_s: float | None = None
        self._state = "loading networks"
        self._index = 0
        self._last_stamp_ns = 0
        self.failure: str | None = None
        """Why the node cannot work; None while it can."""
        self._set_up_topics()
        self._worker = threading.Thread(target=self._work, name="dice_worker", daemon=True)
        self._worker.start()

    @property
    def settings(self) -> Settings:
        """Settings in force."""
        return self._settings_parameters.settings

    @property
    def accounting(self) -> FrameAccounting:
        """Where every frame went."""
        return self._accounting

    def destroy_node(self) -> None:
        """Stop the worker, say where every frame went, and free everything."""
        self._mailbox.close()
        self._changed_settings.close()
        if self._worker is None:
            super().destroy_node()
            return
        self._worker.join(timeout=10.0)
        account = self._accounting.account()
        drops = {**account.drops, "overwritten": self._mailbox.overwritten}
        text = ", ".join(f"{count} {reason}" for reason, count in drops.items() if count)
        counts = f"received {account.received} images, published {account.published}"
        self._say(f"{counts}; {text or 'no drops'}")
        super().destroy_node()

    def _set_up_topics(self) -> None:
        settings = self.settings
        # A mismatch of QoS is the most frequent reason for "nothing arrives": say it with the fix.
        events = SubscriptionEventCallbacks(incompatible_qos=self._on_incompatible_qos)
        reliable = settings.image_reliability == "reliable"
        image_qos = QoSProfile(
            depth=1,
            history=HistoryPolicy.KEEP_LAST,
            reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
            durability=DurabilityPolicy.VOLATILE,
        )
        compressed = settings.image_transport == "compressed"
        kind, topic = (CompressedImage, "image/compressed") if compressed else (Image, "image")
        self._image_subscription = self.create_subscription(
            kind, topic, self._on_image, image_qos, event_callbacks=events
        )
        self._info_subscription = self.create_subscription(
            CameraInfo, "camera_info", self._on_camera_info, qos_profile_sensor_data
        )
        self._interaction = self.create_publisher(
            HandFaceInteraction,
            "dice/interaction",
            10,
            event_callbacks=PublisherEventCallbacks(incompatible_qos=self._on_incompatible_qos),
        )
        self._topology = self.create_publisher(MeshTopology, "dice/topology", _LATCHED)
        self._markers = self.create_publisher(MarkerArray, "dice/markers", 2)
        self._overlay = self.create_publisher(Image, "dice/overlay", 2)
        self._overlay_jpeg = self.create_publisher(CompressedImage, "dice/overlay/compressed", 2)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._marker_rate, self._overlay_rate = RateLimit(), RateLimit()
        self._tf = TfBroadcast(self) if settings.publish_tf else None
        self._timer = self.create_timer(settings.diagnostics_period_s, self._report)

    def _on_image(self, message: Image | CompressedImage) -> None:
        self._accounting.received()
        self._mailbox.put(_Arrival(message, time.monotonic()))

    def _on_camera_info(self, message: CameraInfo) -> None:
        try:
            camera = camera_of(message)
        except CameraError as error:
            if error.reason != "uncalibrated":
                self._accounting.noted(error.reason)
                self._warn(f"a CameraInfo is left out: {error}")
            return
        with self._camera_lock:
            self._camera = camera

    def _on_incompatible_qos(self, event) -> None:
        self._accounting.noted("incompatible_qos")
        self._warn(
            f"another node's QoS does not match ours (policy {event.last_policy_kind}): images are "
            "requested with the parameter image_reliability, best_effort matches every publisher"
        )

    def _on_settings(self, settings: Settings) -> None:
        self._changed_settings.put(settings)

    def _work(self) -> None:
        """The worker thread: build the pipeline, then one image after the other."""
        try:
            pipeline = self._make_pipeline(self.settings)
        except DiceRosError as error:
            self._fail(str(error))
            return
        except Exception as error:
            logging.getLogger(__name__).exception("the pipeline could not be built")
            self._fail(f"the pipeline could not be built: {type(error).__name__}: {error}")
            return
        try:
            self._serve(pipeline)
        finally:
            pipeline.close()

    def _serve(self, pipeline: Pipeline) -> None:
        renderer, marker_maker = (
            OverlayRenderer(pipeline.topologies),
            MarkerMaker(pipeline.topologies),
        )
        for topology in pipeline.topologies:
            self._topology.publish(topology_message(topology))
        self._state = "ready"
        self._say("ready")
        while True:
            arrival = self._mailbox.take()
            if arrival is None:
                return
            settings = self._changed_settings.take(0.0)
            if settings is not None:
                pipeline.apply(settings)
            try:
                self._answer(arrival, pipeline, renderer, marker_maker)
            except DroppedFrameError as error:
                self._accounting.dropped(error.reason)
                self._warn(f"an image is left out: {error}")
            except Exception:
                self._accounting.dropped("internal_error")
                if self._mailbox.is_closed:
                    return
                logging.getLogger(__name__).exception("an image could not be processed")
                self._warn("an image could not be processed: see the traceback; please report it")

    def _answer(
        self,
        arrival: _Arrival,
        pipeline: Pipeline,
        renderer: OverlayRenderer,
        marker_maker: MarkerMaker,
    ) -> None:
        taken_s = time.monotonic()
        self._index += 1
        frame = frame_of(
            arrival.message,
            max_pixels=self.settings.max_image_pixels,
            source=self._image_subscription.topic_name,
            index=self._index,
        )
        camera = self._camera_for(frame)
        frame = replace(frame, camera=camera)
        if frame.stamp_ns < self._last_stamp_ns:
            self._accounting.noted("stamp_went_back")
        self._last_stamp_ns = frame.stamp_ns
        before_s = time.monotonic()
        result = pipeline.process(frame)
        for reason in result.failures:
            self._accounting.noted(f"person_{reason}")
        pipeline_s = time.monotonic() - before_s
        for message in interaction_messages(result, camera):
            self._interaction.publish(message)
        latency_s = time.monotonic() - taken_s
        self._accounting.published(1e3 * latency_s, 1e3 * pipeline_s)
        if self._tf is not None:
            self._tf.publish(result)
        self._publish_pictures(result, renderer, marker_maker)

    def _camera_for(self, frame: Frame) -> Camera:
        """The received calibration, or an assumed one once none came in time."""
        height, width = frame.image.shape[:2]
        now = time.monotonic()
        if self._first_image_s is None:
            self._first_image_s = now
        deadline_s = self._first_image_s + self.settings.camera_info_wait_s
        while True:
            with self._camera_lock:
                camera = self._camera
            if camera is not None:
                return self._fitted(camera, width, height)
            if time.monotonic() >= deadline_s or self._mailbox.is_closed:
                return self._assume(width, height)
            time.sleep(0.01)

    def _fitted(self, camera: Camera, width: int, height: int) -> Camera:
        try:
            return fit_camera(camera, width, height)
        except CameraError as error:
            self._accounting.noted(error.reason)
            self._warn(str(error))
            return self._assume(width, height)

    def _assume(self, width: int, height: int) -> Camera:
        known = self._assumed
        if known is None or (known.width, known.height) != (width, height):
            known = Camera.assume(width, height, self.settings.assumed_focal_ratio)
            self._assumed = known
            topic = self._info_subscription.topic_name
            self.get_logger().warning(
                f"no usable CameraInfo on {topic}: assuming a focal length of "
                f"{known.K[0, 0]:.0f} pixels; depths may be wrong by a constant factor"
            )
        return known

    def _publish_pictures(
        self, result: FrameResult, renderer: OverlayRenderer, marker_maker: MarkerMaker
    ) -> None:
        """The expensive topics, only while somebody listens."""
        settings = self.settings
        if self._markers.get_subscription_count() and self._marker_rate.allows(
            settings.marker_rate_hz
        ):
            self._markers.publish(marker_maker.markers(result))
        raw = self._overlay.get_subscription_count() > 0
        jpeg = self._overlay_jpeg.get_subscription_count() > 0
        if not (raw or jpeg) or not self._overlay_rate.allows(settings.overlay_rate_hz):
            return
        picture = renderer.draw(result.frame, result.interactions)
        stamp = header(result.frame.stamp_ns, result.frame.frame_id)
        height, width = picture.shape[:2]
        if raw:
            message = Image(
                header=stamp, height=height, width=width, encoding="rgb8", step=3 * width
            )
            message.data.frombytes(picture.tobytes())
            self._overlay.publish(message)
        if jpeg:
            quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
            _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), quality)
            message = CompressedImage(header=stamp, format="jpeg")
            message.data.frombytes(data.tobytes())
            self._overlay_jpeg.publish(message)

    def _report(self) -> None:
        account = self._accounting.account()
        overwritten = self._mailbox.overwritten
        if overwritten:
            account = replace(account, drops={**account.drops, "overwritten": overwritten})
        report = diagnostics(
            account,
            state=self.failure or self._state,
            failed=self.failure is not None,
            intrinsics_assumed=self._camera is None,
            waiting=self._mailbox.waiting,
        )
        report.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(report)

    def _fail(self, reason: str) -> None:
        self.failure = reason
        self.get_logger().fatal(reason)

    def _warn(self, text: str) -> None:
        self.get_logger().warning(text, throttle_duration_sec=_WARN_PERIOD_S)

    def _say(self, text: str) -> None:
        # After a shutdown signal the logger may have lost its context.
        if self.context.ok():
            self.get_logger().info(text)
        else:
            sys.stderr.write(f"[dice_node] {text}\n")


def _pipeline_of_the_user(settings: Settings) -> Pipeline:
    return Pipeline(require_assets(), settings)


def main(arguments: list[str] | None = None) -> int:
    """Run the node until it is interrupted; returns the exit code."""
    use_dds_profile()
    rclpy.init(args=arguments)
    # SIGTERM ends the node like Ctrl-C does, with its accounts.
    signal.signal(signal.SIGTERM, lambda *_: rclpy.try_shutdown())
    try:
        node = DiceNode()
    except SettingsError as error:
        sys.stderr.write(f"dice_node: {error}\n")
        rclpy.try_shutdown()
        return 1
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        while rclpy.ok() and node.failure is None:
            executor.spin_once(timeout_sec=0.2)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    failed = node.failure is not None
    node.destroy_node()
    rclpy.try_shutdown()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
