"""Recording results from DDS: ``python -m dice_ros.ros.recorder OUT.mcap``."""

from __future__ import annotations

import argparse
import struct
import sys
import time
from pathlib import Path

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from dice_ros.errors import DiceRosError
from dice_ros.msg import HandFaceInteraction, MeshTopology, TouchEvent
from dice_ros.replay.message_store import INTERACTION_TYPE, TOPOLOGY_TYPE, TOUCH_EVENT_TYPE
from dice_ros.replay.results_writer import (
    INTERACTION_TOPIC,
    TOPOLOGY_TOPIC,
    TOUCH_EVENT_TOPIC,
    ResultsWriter,
)
from dice_ros.ros.dds_profile import use_dds_profile

_CDR_HEADER_BYTES = 4


class Recorder(Node):
    """Writes every interaction, touch event and topology it receives, as the bytes that came.

    Args:
        writer: where to.
    """

    def __init__(self, writer: ResultsWriter) -> None:
        super().__init__("dice_recorder")
        self._writer = writer
        self._stamps: set[int] = set()
        self.last_s = time.monotonic()
        """When the last message came."""
        # Every result counts here: reliable, and deep enough for a slow disk.
        qos = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
        latched = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.create_subscription(
            HandFaceInteraction, "dice/interaction", self._on_interaction, qos, raw=True
        )
        self.create_subscription(
            TouchEvent, "dice/touch_events", self._on_touch_event, qos, raw=True
        )
        self.create_subscription(
            MeshTopology, "dice/topology", self._on_topology, latched, raw=True
        )

    @property
    def frames(self) -> int:
        """Frames with at least one message."""
        return len(self._stamps)

    def _on_interaction(self, data: bytes) -> None:
        stamp_ns = _stamp_ns(data)
        self._stamps.add(stamp_ns)
        self._writer.write_raw(INTERACTION_TOPIC, INTERACTION_TYPE, data, stamp_ns)
        self.last_s = time.monotonic()

    def _on_touch_event(self, data: bytes) -> None:
        self._writer.write_raw(TOUCH_EVENT_TOPIC, TOUCH_EVENT_TYPE, data, _stamp_ns(data))
        self.last_s = time.monotonic()

    def _on_topology(self, data: bytes) -> None:
        self._writer.write_raw(TOPOLOGY_TOPIC, TOPOLOGY_TYPE, data, 0)
        self.last_s = time.monotonic()


def _stamp_ns(data: bytes) -> int:
    """A header starts with its stamp: seconds and nanoseconds after the CDR header."""
    seconds, nanoseconds = struct.unpack_from("<iI", data, _CDR_HEADER_BYTES)
    return int(seconds) * 1_000_000_000 + int(nanoseconds)


def main(arguments: list[str] | None = None) -> int:
    """Record until enough frames came, silence, or an interrupt; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="recorder", description="Record interactions, touch events and topologies into MCAP."
    )
    parser.add_argument("out", type=Path, help="the MCAP file")
    parser.add_argument("--count", type=int, metavar="N", help="stop after N frames")
    parser.add_argument("--idle", type=float, metavar="S", help="stop after S seconds of silence")
    options = parser.parse_args(rclpy.utilities.remove_ros_args(arguments or sys.argv)[1:])
    use_dds_profile()
    rclpy.init(args=arguments)
    try:
        with ResultsWriter(options.out) as writer:
            recorder = Recorder(writer)
            _record(recorder, options)
            recorder.destroy_node()
    except DiceRosError as error:
        sys.stderr.write(f"recorder: {error}\n")
        return 1
    finally:
        rclpy.try_shutdown()
    return 0


def _record(recorder: Recorder, options: argparse.Namespace) -> None:
    reported = -1
    try:
        while rclpy.ok():
            rclpy.spin_once(recorder, timeout_sec=0.2)
            if recorder.frames != reported:
                reported = recorder.frames
                sys.stdout.write(f"recorded {reported}\n")
                sys.stdout.flush()
            if options.count is not None and recorder.frames >= options.count:
                return
            silent_s = time.monotonic() - recorder.last_s
            if options.idle is not None and recorder.frames and silent_s > options.idle:
                return
    except (KeyboardInterrupt, ExternalShutdownException):
        return


if __name__ == "__main__":
    sys.exit(main())
