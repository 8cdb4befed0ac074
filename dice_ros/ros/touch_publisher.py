"""Telling of touches: every event, reliably, and now and then what they amount to, latched."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from dice_ros.events.observed_time import FaceClock
from dice_ros.events.touch_detector import TouchDetector
from dice_ros.events.touch_event import TouchEvent
from dice_ros.events.touch_statistics import TouchStatistics
from dice_ros.msg import TouchEvent as TouchEventMessage
from dice_ros.msg import TouchSummary as TouchSummaryMessage
from dice_ros.ros.rate_limit import RateLimit
from dice_ros.ros.touch_message import summary_message, touch_message
from dice_ros.settings import Settings
from dice_ros.types import FrameResult

_EVENTS = QoSProfile(
    depth=100, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.RELIABLE
)
_LATCHED = QoSProfile(
    depth=1,
    history=HistoryPolicy.KEEP_LAST,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
_LOCK_TIMEOUT_S = 1.0


class TouchPublisher:
    """Follows touches as long as the node lives, so that their numbers never repeat.

    Args:
        node: the node that owns the topics.
        settings: settings in force.
    """

    def __init__(self, node: Node, settings: Settings) -> None:
        self._events = node.create_publisher(TouchEventMessage, "dice/touch_events", _EVENTS)
        self._summaries = node.create_publisher(TouchSummaryMessage, "dice/touch_summary", _LATCHED)
        self._settings = settings
        self._detector = TouchDetector(settings)
        self._clock = FaceClock(settings)
        self._statistics = TouchStatistics()
        self._frame_id, self._has_images = "", False
        self._rate = RateLimit()
        # The worker's thread, and whoever deactivates the node while the worker hangs.
        self._lock = threading.Lock()

    def answer(self, result: FrameResult, settings: Settings) -> None:
        """Go on to the next image."""
        with self._lock:
            if settings is not self._settings:
                self._settings = settings
                self._detector.apply(settings)
                self._clock.apply(settings)
            stamp_ns = result.frame.stamp_ns
            self._frame_id, self._has_images = result.frame.frame_id, True
            self._clock.update(stamp_ns, result.interactions)
            self._tell(self._detector.update(stamp_ns, result.interactions))
            if self._rate.allows(1.0 / settings.touch_summary_period_s):
                self._sum_up()

    def finish(self) -> None:
        """End all touches: no more images are answered for now."""
        if not self._lock.acquire(timeout=_LOCK_TIMEOUT_S):
            return  # The worker hangs while it publishes: nobody else can.
        try:
            self._end()
        finally:
            self._lock.release()

    def flush(self, timeout_s: float) -> None:
        """Wait until every listener has every event."""
        self._events.wait_for_all_acked(Duration(nanoseconds=round(1e9 * timeout_s)))

    def _end(self) -> None:
        if not self._has_images:
            return
        self._tell(self._detector.finish())
        self._clock.pause()
        self._sum_up()

    def _tell(self, events: Sequence[TouchEvent]) -> None:
        for event in events:
            self._statistics.add(event)
            self._events.publish(touch_message(event))

    def _sum_up(self) -> None:
        summary = self._statistics.summary(self._clock.observed)
        self._summaries.publish(summary_message(summary, self._frame_id))
