"""Head and hand frames on /tf, where ``tf2_msgs`` is installed."""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from rclpy.node import Node

from dice_ros.body.rotation import matrix_from_axis_angle, quaternion_from_matrix
from dice_ros.ros.interaction_message import header
from dice_ros.types import FrameResult

try:
    from tf2_msgs.msg import TFMessage
except ImportError:
    TFMessage = None


class TfBroadcast:
    """Publishes ``dice/person_<id>/head`` and ``.../<side>_hand`` as children of the camera.

    Args:
        node: the node; told once if ``tf2_msgs`` is missing.
    """

    def __init__(self, node: Node) -> None:
        self._logger = node.get_logger()
        self._publisher = None
        if TFMessage is not None:
            self._publisher = node.create_publisher(TFMessage, "/tf", 10)

    def publish(self, result: FrameResult) -> None:
        """Send the frames of everybody in one image."""
        if not result.interactions:
            return
        if self._publisher is None:
            self._logger.info(
                "tf2_msgs is not installed: no frames are published on /tf", once=True
            )
            return
        transforms = []
        stamp = header(result.frame.stamp_ns, result.frame.frame_id)
        for item in result.interactions:
            parent = f"dice/person_{item.person_id}"
            if item.face is not None:
                pose = item.face.pose
                transforms.append(
                    _stamped(stamp, f"{parent}/head", pose.rotation, pose.translation)
                )
            for hand in item.hands:
                R = matrix_from_axis_angle(hand.global_orient.astype(np.float64))
                transforms.append(
                    _stamped(stamp, f"{parent}/{hand.side.value}_hand", R, hand.transl)
                )
        self._publisher.publish(TFMessage(transforms=transforms))


def _stamped(stamp, child: str, rotation: np.ndarray, translation: np.ndarray) -> TransformStamped:
    x, y, z, w = map(float, quaternion_from_matrix(rotation))
    tx, ty, tz = map(float, translation)
    transform = Transform(
        translation=Vector3(x=tx, y=ty, z=tz), rotation=Quaternion(x=x, y=y, z=z, w=w)
    )
    return TransformStamped(header=stamp, child_frame_id=child, transform=transform)
