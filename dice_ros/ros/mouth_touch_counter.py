"""An example of a node that listens to touches: how often a minute the mouth is touched."""

from __future__ import annotations

import sys

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from std_msgs.msg import UInt32

from dice_ros.msg import TouchEvent

MOUTH = {"mouth", "upper_lip", "lower_lip"}
_MINUTE_S = 60.0


class MouthTouchCounter(Node):
    """Publishes on ``mouth_touches`` how often the mouth was touched in the last minute."""

    def __init__(self, **options) -> None:
        super().__init__("mouth_touch_counter", **options)
        self._starts_s: dict[tuple[int, int, int], float] = {}
        self._count = self.create_publisher(UInt32, "mouth_touches", 10)
        self.create_subscription(TouchEvent, "dice/touch_events", self._on_touch, 100)

    def _on_touch(self, touch: TouchEvent) -> None:
        now_s = touch.header.stamp.sec + 1e-9 * touch.header.stamp.nanosec
        # Numbers begin again when the node that sees touches is started again.
        key = touch.touch_id, touch.start.sec, touch.start.nanosec
        # A hand may slide to the mouth: every event tells the whole path so far.
        if MOUTH.isdisjoint(touch.path_regions) or key in self._starts_s:
            return
        self._starts_s[key] = now_s
        recent = sum(now_s - _MINUTE_S < start_s <= now_s for start_s in self._starts_s.values())
        hand = "left" if touch.side == TouchEvent.LEFT else "right"
        self.get_logger().info(f"{hand} {touch.hand_part} at the mouth: {recent} in a minute")
        self._count.publish(UInt32(data=recent))


def main(arguments: list[str] | None = None) -> int:
    """Count until interrupted; returns the exit code."""
    rclpy.init(args=arguments)
    try:
        rclpy.spin(MouthTouchCounter())
    except (KeyboardInterrupt, ExternalShutdownException):
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
