"""Playing an input as a camera over DDS: ``python -m dice_ros.ros.camera_player INPUT``."""

from __future__ import annotations

import argparse
import sys
import time

import rclpy
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image

from dice_ros.camera import Camera
from dice_ros.errors import DiceRosError
from dice_ros.msg import MeshTopology
from dice_ros.replay.open_source import open_source
from dice_ros.ros.dds_profile import use_dds_profile
from dice_ros.ros.interaction_message import header
from dice_ros.types import Frame

_POLL_S = 0.05


class CameraPlayer(Node):
    """Publishes frames as ``sensor_msgs/Image`` and ``sensor_msgs/CameraInfo``.

    Args:
        image_topic, info_topic: where to.
    """

    def __init__(self, image_topic: str, info_topic: str) -> None:
        super().__init__("camera_player")
        qos = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)
        self._images = self.create_publisher(Image, image_topic, qos)
        self._infos = self.create_publisher(CameraInfo, info_topic, qos)
        latched = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._node_ready = False
        self.create_subscription(MeshTopology, "dice/topology", self._on_topology, latched)

    def wait(self, timeout_s: float, *, ready: bool) -> bool:
        """Wait for a subscriber, and for the node's topologies if ``ready``; False if in vain."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline and rclpy.ok():
            matched = self._images.get_subscription_count() > 0
            if matched and (self._node_ready or not ready):
                return True
            rclpy.spin_once(self, timeout_sec=_POLL_S)
        return False

    def send(self, frame: Frame) -> None:
        """Publish one frame with its own stamp."""
        height, width = frame.image.shape[:2]
        stamp = header(frame.stamp_ns, frame.frame_id)
        if frame.camera is not None:
            self._infos.publish(_camera_info(stamp, frame.camera))
        message = Image(header=stamp, height=height, width=width, encoding="rgb8")
        message.step = 3 * width
        message.data.frombytes(frame.image.tobytes())
        self._images.publish(message)

    def _on_topology(self, message: MeshTopology) -> None:
        del message
        self._node_ready = True


def _camera_info(stamp, camera: Camera) -> CameraInfo:
    info = CameraInfo(header=stamp, width=camera.width, height=camera.height)
    info.distortion_model = "plumb_bob"
    info.d = camera.distortion.tolist() or [0.0] * 5
    info.k = camera.K.reshape(-1)
    info.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    K = camera.K
    info.p = [K[0, 0], 0.0, K[0, 2], 0.0, 0.0, K[1, 1], K[1, 2], 0.0, 0.0, 0.0, 1.0, 0.0]
    return info


def main(arguments: list[str] | None = None) -> int:
    """Play once (or forever with --loop); returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="camera_player", description="Play pictures, a video or a bag as a camera over DDS."
    )
    parser.add_argument("input", help="picture, folder, video, bag or camera:0")
    parser.add_argument("--rate", type=float, default=10.0, metavar="HZ", help="frames a second")
    parser.add_argument("--image", default="image", help="image topic")
    parser.add_argument("--camera-info", default="camera_info", help="calibration topic")
    parser.add_argument("--wait", type=float, default=30.0, metavar="S", help="for a subscriber")
    parser.add_argument("--wait-ready", action="store_true", help="also for the node to be ready")
    parser.add_argument("--loop", action="store_true", help="start over at the end")
    options = parser.parse_args(rclpy.utilities.remove_ros_args(arguments or sys.argv)[1:])
    use_dds_profile()
    rclpy.init(args=arguments)
    player = CameraPlayer(options.image, options.camera_info)
    try:
        return _play(player, options)
    except DiceRosError as error:
        sys.stderr.write(f"camera_player: {error}\n")
        return 1
    except (KeyboardInterrupt, rclpy.executors.ExternalShutdownException):
        return 0
    finally:
        player.destroy_node()
        rclpy.try_shutdown()


def _play(player: CameraPlayer, options: argparse.Namespace) -> int:
    with open_source(options.input) as source:
        if not player.wait(options.wait, ready=options.wait_ready):
            sys.stderr.write(f"camera_player: nobody listened within {options.wait:g} s\n")
            return 1
        sent, next_s = 0, time.monotonic()
        while True:
            for frame in source:
                pause_s = next_s - time.monotonic()
                if pause_s > 0:
                    time.sleep(pause_s)
                next_s = max(next_s + 1.0 / options.rate, time.monotonic() - 1.0 / options.rate)
                player.send(frame)
                sent += 1
                sys.stdout.write(f"sent {sent}\n")
                sys.stdout.flush()
            if not options.loop:
                break
        # Reliable messages may still be under way: leave only when they had time to arrive.
        time.sleep(1.0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
