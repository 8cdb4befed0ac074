"""Full life cycles of the real node over DDS, and the memory they leave behind.

Every cycle asks the node's own services to configure, activate, deactivate and clean up, and has an
image answered while it is active. Memory is what the process holds after the allocator gave back
what it can.
Loading the networks takes most of the time: ``--load-every`` keeps them for some cycles.
"""

from __future__ import annotations

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("ROS_DOMAIN_ID", "174")
os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")

import argparse
import json
import sys
import time
from pathlib import Path
from statistics import median

import cv2
import rclpy
from dice_ros.msg import HandFaceInteraction
from held_memory import held_bytes
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from machine import machine
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

from dice_ros.assets.store import require_assets
from dice_ros.pipeline import Pipeline
from dice_ros.ros.dds_profile import use_dds_profile
from dice_ros.ros.dice_node import DiceNode
from dice_ros.ros.interaction_message import header
from dice_ros.settings import Settings

RESULTS = Path(__file__).parent / "results"
TARGET_MB = 1.0
TIMEOUT_S = 120.0
UP = (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE)
DOWN = (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP)


class Manager(Node):
    """A lifecycle manager and a camera."""

    def __init__(self, executor: SingleThreadedExecutor) -> None:
        super().__init__("manager")
        self._executor = executor
        self._change = self.create_client(ChangeState, "/dice_node/change_state")
        qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
        self.images = self.create_publisher(Image, "/image", qos)
        self._answers = 0
        self.create_subscription(HandFaceInteraction, "/dice/interaction", self._on_answer, 10)
        picture = cv2.imread(str(require_assets() / "astronaut.png"))[::2, ::2]
        height, width = picture.shape[:2]
        self._image = Image(height=height, width=width, step=3 * width, encoding="bgr8")
        self._image.data.frombytes(picture.tobytes())

    def wait(self, condition) -> None:
        """Spin until a condition holds."""
        deadline = time.monotonic() + TIMEOUT_S
        while not condition():
            if time.monotonic() > deadline:
                sys.exit("the node does not answer any more")
            self._executor.spin_once(timeout_sec=0.5)

    def change(self, transition: int) -> None:
        """Ask for a transition and insist on it."""
        future = self._change.call_async(ChangeState.Request(transition=Transition(id=transition)))
        self.wait(future.done)
        if not future.result().success:
            sys.exit(f"transition {transition} failed")

    def show(self, stamp_ns: int) -> None:
        """Publish one image and wait for its answer."""
        before = self._answers
        self._image.header = header(stamp_ns, "eye")
        self.images.publish(self._image)
        self.wait(lambda: self._answers > before)

    def ready(self) -> bool:
        """Whether both sides know each other."""
        return self._change.service_is_ready() and self.images.get_subscription_count() > 0

    def _on_answer(self, message: HandFaceInteraction) -> None:
        del message
        self._answers += 1


class Networks:
    """Makes pipelines, and lends the newest one again until it is used up.

    Args:
        cycles: how many cycles a pipeline lasts.
    """

    def __init__(self, cycles: int) -> None:
        self._cycles = cycles
        self._lent = 0
        self._pipeline: LentPipeline | None = None
        self.loaded = 0

    def lend(self, settings: Settings) -> Pipeline:
        """A pipeline for the next cycle."""
        if self._pipeline is None:
            self._pipeline = LentPipeline(require_assets(), settings)
            self.loaded += 1
            self._lent = 0
        self._lent += 1
        pipeline = self._pipeline
        pipeline.is_used_up = self._lent == self._cycles
        if pipeline.is_used_up:
            self._pipeline = None
        return pipeline


class LentPipeline(Pipeline):
    """Closes only when it is used up; until then it forgets everybody."""

    is_used_up = False

    def close(self) -> None:
        if self.is_used_up:
            super().close()
        else:
            self.reset()


def resident_mb() -> float:
    """Memory of this process that is really there."""
    return held_bytes() / 2**20


def main() -> int:
    """Measure, print, write; 1 if memory grew by more than the target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=1000)
    parser.add_argument("--warm-up", type=int, default=100, metavar="N", help="of these cycles")
    parser.add_argument("--load-every", type=int, default=1, metavar="N", help="cycles")
    parser.add_argument("--json", type=Path, default=RESULTS / "lifecycle.json")
    options = parser.parse_args()
    use_dds_profile()
    rclpy.init()
    executor = SingleThreadedExecutor()
    networks = Networks(options.load_every)
    node = DiceNode(
        networks.lend,
        parameter_overrides=[
            Parameter("autostart", value=False),
            Parameter("camera_info_wait_s", value=0.0),
        ],
    )
    executor.add_node(node)
    manager = Manager(executor)
    executor.add_node(manager)
    manager.wait(manager.ready)
    started_s = time.monotonic()
    memory: dict[int, float] = {}
    every = max(1, options.cycles // 100)
    for cycle in range(1, options.cycles + 1):
        for transition in UP:
            manager.change(transition)
        manager.show(1_000_000_000 * cycle)
        for transition in DOWN:
            manager.change(transition)
        if cycle % every == 0:
            memory[cycle] = round(resident_mb(), 2)
            print(f"cycle {cycle}: {memory[cycle]} MB", flush=True)
    seconds = time.monotonic() - started_s
    account = node.accounting.account()
    executor.shutdown()
    node.destroy_node()
    manager.destroy_node()
    rclpy.try_shutdown()
    # Threads come and go while memory is read: medians of several readings tell more than one.
    settled = [mb for cycle, mb in memory.items() if cycle > options.warm_up]
    count = max(1, len(settled) // 10)
    growth_mb = median(settled[-count:]) - median(settled[:count])
    value = {
        "machine": machine(),
        "cycles": options.cycles,
        "warm_up_cycles": options.warm_up,
        "networks_loaded": networks.loaded,
        "images_received": account.received,
        "images_published": account.published,
        "seconds_per_cycle": round(seconds / options.cycles, 3),
        "memory_mb": memory,
        "growth_mb": round(growth_mb, 2),
    }
    print(json.dumps(value, indent=1))
    print(f"target: growth after warm-up <= {TARGET_MB} MB")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(value, indent=1) + "\n")
    return 0 if growth_mb <= TARGET_MB and account.published == options.cycles else 1


if __name__ == "__main__":
    sys.exit(main())
