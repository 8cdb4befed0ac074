"""Offered rate against latency and drops: cameras that send more than the node can answer.

One camera on a node, two cameras on a node each, and two cameras that share the topic of one node
send at every rate. The newest image wins and nothing queues: however much is offered, an image
waits for the one in progress and then takes its own turn, so that latency stays below two
processing times. Latency is from the stamp, taken just before publishing, to hearing the answer;
processing is what the nodes themselves tell of their last 200 answers. Every row has fresh nodes in
processes of their own; the cameras share one process with the listener.

The shared topic is here for its load only: a node takes all it receives for one camera.
"""

from __future__ import annotations

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("ROS_DOMAIN_ID", "176")
os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")

import argparse
import json
import signal
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rclpy
from dice_ros.msg import HandFaceInteraction
from machine import machine
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from soak import LOST, SIZES, TIMEOUT_S, cpu_s, memory_mb, swaying_frames, wait
from std_srvs.srv import Trigger

from dice_ros.ros.dds_profile import use_dds_profile
from dice_ros.ros.interaction_message import header

RESULTS = Path(__file__).parent / "results"
RATES_HZ = (5.0, 10.0, 15.0, 30.0)
SIZE = "640x480"
PROCESSING_TIMES = 2.0
"""An image waits at most for the one in progress."""
DELIVERY_MS = 20.0
"""What is allowed besides for the way of the image in and of the answer out."""
SETTLING_S = 2.0
"""At the rate of the row, before it is measured: tracks are found, networks are warm."""
COUNTS = ("received", "published", "overwritten")


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Which node answers which camera.

    Attributes:
        title: for people.
        node_of: for each camera, the namespace of its node.
    """

    title: str
    node_of: dict[str, str]

    @property
    def nodes(self) -> tuple[str, ...]:
        """Every node once."""
        return tuple(dict.fromkeys(self.node_of.values()))


ARRANGEMENTS = {
    "one": Arrangement("1 camera, 1 node", {"left": "left"}),
    "two": Arrangement("2 cameras, 2 nodes", {"left": "left", "right": "right"}),
    "shared": Arrangement("2 cameras, 1 node", {"left": "both", "right": "both"}),
}


class Rig(Node):
    """All cameras of an arrangement, and whoever listens to the answers.

    Args:
        arrangement: which node answers which camera.
        frames: pictures that every camera shows over and over, each from another one on.
    """

    def __init__(self, arrangement: Arrangement, frames: list[Image]) -> None:
        super().__init__("rig")
        self._frames = frames
        self._turn = 0
        images = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)
        answers = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
        self._images = {
            camera: self.create_publisher(Image, f"/{node}/image", images)
            for camera, node in arrangement.node_of.items()
        }
        self._stats = {}
        for node in arrangement.nodes:
            self._stats[node] = self.create_client(Trigger, f"/{node}/dice_node/stats")
            self.create_subscription(
                HandFaceInteraction, f"/{node}/dice/interaction", self._on_answer, answers, raw=True
            )
        self.sent: dict[int, str] = {}
        """Camera of every image, by its stamp in nanoseconds."""
        self.latency_s: dict[int, float] = {}
        """Of every answered image, by its stamp."""

    def send(self, camera: str) -> int:
        """Publish the next image of a camera; returns its stamp."""
        place = list(self._images).index(camera) * len(self._frames) // len(self._images)
        message = self._frames[(self._turn + place) % len(self._frames)]
        self._turn += 1
        stamp_ns = time.time_ns()
        self.sent[stamp_ns] = camera
        message.header = header(stamp_ns, camera)
        self._images[camera].publish(message)
        return stamp_ns

    def show(self, camera: str) -> None:
        """Send single images of a camera until one is answered."""
        deadline = time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline:
            stamp_ns = self.send(camera)
            time.sleep(1.0)
            if stamp_ns in self.latency_s:
                return
        sys.exit(f"images of the camera {camera} are not answered")

    def stream(self, rate_hz: float, seconds: float) -> tuple[list[int], float]:
        """Be the cameras for a while, in turns; the stamps that were sent, and the true seconds."""
        cameras = list(self._images)
        stamps = []
        start_s = time.monotonic()
        for turn in range(round(seconds * rate_hz) * len(cameras)):
            next_s = start_s + turn / (rate_hz * len(cameras))
            time.sleep(max(0.0, next_s - time.monotonic()))
            stamps.append(self.send(cameras[turn % len(cameras)]))
        return stamps, max(seconds, time.monotonic() - start_s)

    def statistics(self) -> dict[str, dict]:
        """What every node says of itself."""
        told = {}
        for node, client in self._stats.items():
            future = client.call_async(Trigger.Request())
            wait(future.done)
            told[node] = json.loads(future.result().message)
        return told

    def settled_statistics(self) -> dict[str, dict]:
        """The same once an image of every camera was answered: only then gaps before it show."""
        for camera in self._images:
            self.show(camera)
        while True:
            told = self.statistics()
            if not any(item["in_flight"] for item in told.values()):
                return told
            time.sleep(0.1)

    def is_matched(self) -> bool:
        """Whether all sides know each other."""
        return all(images.get_subscription_count() for images in self._images.values()) and all(
            client.service_is_ready() for client in self._stats.values()
        )

    def _on_answer(self, data: bytes) -> None:
        seconds, nanoseconds = struct.unpack_from("<iI", data, 4)
        stamp_ns = seconds * 1_000_000_000 + nanoseconds
        self.latency_s.setdefault(stamp_ns, 1e-9 * (time.time_ns() - stamp_ns))


@contextmanager
def running(
    arrangement: Arrangement, frames: list[Image], network_threads: int
) -> Iterator[tuple[Rig, dict[str, int]]]:
    """Fresh nodes and a rig that they answer; the nodes' process ids, by name."""
    processes = {
        node: subprocess.Popen(
            [
                *(sys.executable, "-m", "dice_ros.ros.dice_node", "--ros-args"),
                *("-r", f"__ns:=/{node}", "-p", "camera_info_wait_s:=0.0"),
                *("-p", f"network_threads:={network_threads}"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for node in arrangement.nodes
    }
    rig = Rig(arrangement, frames)
    executor = SingleThreadedExecutor()
    executor.add_node(rig)
    spinner = threading.Thread(target=executor.spin, daemon=True)
    spinner.start()
    try:
        wait(rig.is_matched)
        yield rig, {node: process.pid for node, process in processes.items()}
    finally:
        for process in processes.values():
            process.send_signal(signal.SIGINT)
        for process in processes.values():
            process.wait(TIMEOUT_S)
        executor.shutdown()
        spinner.join(TIMEOUT_S)
        rig.destroy_node()


def measure(
    arrangement: Arrangement, rate_hz: float, seconds: float, rig: Rig, pids: dict[str, int]
) -> dict:
    """One row: what was offered, and what became of it."""
    # What is sent while networks load may be lost uncounted: counting begins with an answer.
    for camera in arrangement.node_of:
        rig.show(camera)
    rig.stream(rate_hz, SETTLING_S)
    before = rig.settled_statistics()
    already_sent = len(rig.sent)
    cpu_before_s = {node: cpu_s(pid) for node, pid in pids.items()}
    stamps, true_s = rig.stream(rate_hz, seconds)
    cpus = {
        node: round((cpu_s(pid) - cpu_before_s[node]) / true_s, 2) for node, pid in pids.items()
    }
    after = rig.settled_statistics()
    nodes = {
        node: node_row(before[node], after[node])
        | {"cpus": cpus[node], "memory_mb": round(memory_mb(pids[node]), 1)}
        for node in arrangement.nodes
    }
    arrived = sum(row["received"] + row[LOST] for row in nodes.values())
    answered = [stamp for stamp in stamps if stamp in rig.latency_s]
    if not answered:
        sys.exit(f"{arrangement.title}, {rate_hz:g} Hz: no image was answered")
    latency_ms = [1e3 * rig.latency_s[stamp] for stamp in answered]
    bound_ms = DELIVERY_MS + PROCESSING_TIMES * max(
        row["processing_ms"]["p99"] for row in nodes.values()
    )
    sent_of, answered_of = (
        Counter(rig.sent[stamp] for stamp in found) for found in (stamps, answered)
    )
    third = max(1, len(answered) // 3)
    return {
        "arrangement": arrangement.title,
        "rate_hz": rate_hz,
        "seconds": round(true_s, 2),
        "offered_hz": {camera: round(sent_of[camera] / true_s, 2) for camera in sent_of},
        "answered_hz": {camera: round(answered_of[camera] / true_s, 2) for camera in sent_of},
        "latency_ms": percentiles(latency_ms),
        "latency_ms_of_the_first_third": percentiles(latency_ms[:third]),
        "latency_ms_of_the_last_third": percentiles(latency_ms[-third:]),
        "bound_ms": round(bound_ms, 2),
        "is_bounded": percentiles(latency_ms)["p99"] <= bound_ms,
        "is_accounted_for": len(rig.sent) - already_sent == arrived
        and all(row["is_accounted_for"] for row in nodes.values()),
        "nodes": nodes,
    }


def node_row(before: dict, after: dict) -> dict:
    """What one node did between two statistics."""
    counts = {name: after[name] - before[name] for name in COUNTS}
    drops = Counter(after["drops"])
    drops.subtract(before["drops"])
    gone = counts["published"] + counts["overwritten"] + drops.total()
    lost = after["notes"].get(LOST, 0) - before["notes"].get(LOST, 0)
    return counts | {
        "drops": {reason: count for reason, count in drops.items() if count},
        LOST: lost,
        "is_accounted_for": counts["received"] == gone,
        "processing_ms": after["latency_ms"],
    }


def percentiles(values: list[float]) -> dict[str, float]:
    """The middle and the last hundredth."""
    p50, p99 = np.percentile(values, [50, 99])
    return {"p50": round(float(p50), 2), "p99": round(float(p99), 2)}


def line(row: dict) -> str:
    """A row of the table."""
    nodes = row["nodes"].values()
    total = {name: sum(node[name] for node in nodes) for name in ("received", "overwritten", LOST)}
    others = sum(sum(node["drops"].values()) for node in nodes)
    p50, p99 = (max(node["processing_ms"][name] for node in nodes) for name in ("p50", "p99"))
    rates = (
        " + ".join(f"{rate:.1f}" for rate in row[name].values())
        for name in ("offered_hz", "answered_hz")
    )
    latency = row["latency_ms"]
    verdict = "" if row["is_bounded"] else f"  ABOVE {row['bound_ms']:.0f} ms"
    verdict += "" if row["is_accounted_for"] else "  COUNTS DO NOT ADD UP"
    return (
        "{:<19} {:>12} {:>12}".format(row["arrangement"], *rates)
        + f" {latency['p50']:>8.1f} /{latency['p99']:>7.1f} {p50:>8.1f} /{p99:>7.1f}"
        + f" {total['overwritten'] / max(1, total['received']):>11.0%} {total[LOST]:>5}"
        + f" {others:>6}{verdict}"
    )


HEAD = (
    f"{'':<19} {'offered, Hz':>12} {'answered, Hz':>12} {'latency p50/p99':>17}"
    f" {'processing, ms':>17} {'overwritten':>11} {'lost':>5} {'others':>6}"
)


def main() -> int:
    """Measure, print, write; 1 if latency is not bounded or an image is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arrangements", nargs="+", choices=ARRANGEMENTS, default=[*ARRANGEMENTS])
    parser.add_argument("--rates", type=float, nargs="+", default=[*RATES_HZ], metavar="HZ")
    parser.add_argument("--seconds", type=float, default=20.0, help="for every row")
    parser.add_argument("--network-threads", type=int, default=2, help="of every node")
    parser.add_argument("--json", type=Path, default=RESULTS / "load.json")
    options = parser.parse_args()
    frames = swaying_frames({SIZE: SIZES[SIZE]})[SIZE]
    use_dds_profile()
    rclpy.init()
    load_average = round(os.getloadavg()[0], 1)
    rows = []
    print(HEAD, flush=True)
    for name in options.arrangements:
        arrangement = ARRANGEMENTS[name]
        for rate_hz in options.rates:
            with running(arrangement, frames, options.network_threads) as (rig, pids):
                rows.append(measure(arrangement, rate_hz, options.seconds, rig, pids))
            print(line(rows[-1]), flush=True)
    rclpy.try_shutdown()
    print(
        f"target: every image accounted for, latency p99 <= {PROCESSING_TIMES:g} times processing "
        f"p99 + {DELIVERY_MS:g} ms for delivery"
    )
    value = {
        "machine": machine(),
        "load_average_before": load_average,
        "size": SIZE,
        "network_threads": options.network_threads,
        "rows": rows,
    }
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(value, indent=1) + "\n")
    return 0 if all(row["is_bounded"] and row["is_accounted_for"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
