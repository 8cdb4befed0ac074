"""Minutes of an unquiet life: the real node in a process of its own, a camera that misbehaves.

The camera stops and comes back, leaves out images, changes its rate and its resolution; listeners
to markers, overlays and interactions come and go. At the end every image that was sent must be
accounted for, and the latency in quiet times must not have drifted.
"""

from __future__ import annotations

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("ROS_DOMAIN_ID", "175")
os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")

import argparse
import json
import random
import signal
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import rclpy
from dice_ros.msg import HandFaceInteraction
from machine import machine
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger
from visualization_msgs.msg import MarkerArray

from dice_ros.assets.store import require_assets
from dice_ros.ros.dds_profile import use_dds_profile
from dice_ros.ros.interaction_message import header
from dice_ros.synthesis.demo_clip import DemoClip

RESULTS = Path(__file__).parent / "results"
TARGET_DRIFT = 0.05
RATE_HZ = 30.0
SIZES = {"640x480": (640, 480), "320x240": (320, 240), "1280x720": (1280, 720)}
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
TIMEOUT_S = 120.0
LOST = "lost_in_transport"
SETTLING_S = 1.5
"""After a change, before latencies count as quiet again: tracks are found anew."""


@dataclass(frozen=True, slots=True)
class Weather:
    """How the camera behaves for a while.

    Attributes:
        rate_hz: images a second.
        size: one of :data:`SIZES`.
        skipped: share of images that the camera leaves out.
        silent: whether it sends nothing at all.
        listeners: names of topics somebody listens to besides.
    """

    rate_hz: float = RATE_HZ
    size: str = "640x480"
    skipped: float = 0.0
    silent: bool = False
    listeners: tuple[str, ...] = ()


QUIET = Weather()


def storm(rng: random.Random) -> Weather:
    """Some weather that is not quiet."""
    weather = Weather(
        rate_hz=rng.choice((RATE_HZ, RATE_HZ, 5.0, 15.0, 60.0)),
        size=rng.choice(tuple(SIZES)),
        skipped=rng.choice((0.0, 0.0, 0.1, 0.5)),
        listeners=tuple(name for name in LISTENERS if rng.random() < 0.4),
    )
    return replace(weather, silent=rng.random() < 0.2)


class Soak(Node):
    """The camera, the listeners, and whoever asks for the statistics."""

    def __init__(self, frames: dict[str, list[Image]]) -> None:
        super().__init__("soak")
        self._frames = frames
        qos = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)
        self._images = self.create_publisher(Image, "/image", qos)
        answers = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
        self.create_subscription(
            HandFaceInteraction, "/dice/interaction", self._on_answer, answers, raw=True
        )
        self._stats = self.create_client(Trigger, "/dice_node/stats")
        self._listening: dict[str, object] = {}
        self._quiet_since_s = 0.0
        self._started_s = time.monotonic()
        self.sent = 0
        self.answered: set[int] = set()
        self.latencies: list[tuple[float, float]] = []
        """(seconds since the start, latency in seconds) of images in quiet times."""

    def send(self, size: str) -> None:
        """Publish the next image."""
        frames = self._frames[size]
        message = frames[self.sent % len(frames)]
        message.header = header(time.time_ns(), "eye")
        self._images.publish(message)
        self.sent += 1

    def live(self, weather: Weather, seconds: float) -> None:
        """Be the camera for a while."""
        self._listen(weather.listeners)
        self._quiet_since_s = time.monotonic() + SETTLING_S if weather == QUIET else float("inf")
        rng = random.Random(self.sent)
        end_s = next_s = time.monotonic()
        end_s += seconds
        while next_s < end_s:
            time.sleep(max(0.0, next_s - time.monotonic()))
            if not weather.silent and rng.random() >= weather.skipped:
                self.send(weather.size)
            next_s += 1.0 / weather.rate_hz
        self._quiet_since_s = float("inf")

    def statistics(self) -> dict:
        """What the node says of itself."""
        future = self._stats.call_async(Trigger.Request())
        wait(future.done)
        return json.loads(future.result().message)

    def settled_statistics(self) -> dict:
        """The same once an image arrived that was sent just now: only then gaps before it show."""
        before = self.statistics()["received"]
        while True:
            self.send(QUIET.size)
            time.sleep(1.0)
            statistics = self.statistics()
            if statistics["received"] > before and not statistics["in_flight"]:
                return statistics

    def is_matched(self) -> bool:
        """Whether node and camera know each other."""
        return self._images.get_subscription_count() > 0 and self._stats.service_is_ready()

    def _listen(self, names: tuple[str, ...]) -> None:
        for name in set(self._listening) - set(names):
            self.destroy_subscription(self._listening.pop(name))
        for name in set(names) - set(self._listening):
            kind = LISTENERS[name]
            self._listening[name] = self.create_subscription(
                kind, name, lambda data: None, 5, raw=True
            )

    def _on_answer(self, data: bytes) -> None:
        seconds, nanoseconds = struct.unpack_from("<iI", data, 4)
        stamp_ns = seconds * 1_000_000_000 + nanoseconds
        if stamp_ns in self.answered:
            return
        self.answered.add(stamp_ns)
        now_s = time.monotonic()
        latency_s = 1e-9 * (time.time_ns() - stamp_ns)
        if now_s - latency_s > self._quiet_since_s:
            self.latencies.append((now_s - self._started_s, latency_s))


LISTENERS = {
    "/dice/markers": MarkerArray,
    "/dice/overlay": Image,
    "/dice/interaction": HandFaceInteraction,
}


def wait(condition) -> None:
    """Wait while the executor spins elsewhere."""
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        if time.monotonic() > deadline:
            sys.exit("the node does not answer any more")
        time.sleep(0.02)


def swaying_frames(sizes: dict[str, tuple[int, int]] = SIZES) -> dict[str, list[Image]]:
    """A render of a hand on a face in every size (width, height), swaying without a jump."""
    frame, _ = DemoClip(require_assets()).frame(45)
    frames: dict[str, list[Image]] = {name: [] for name in sizes}
    for angle in np.linspace(0.0, 2.0 * np.pi, 60, endpoint=False):
        shift = np.array([[1.0, 0.0, 15.0 * np.sin(angle)], [0.0, 1.0, 8.0 * np.cos(angle)]])
        size = frame.image.shape[1::-1]
        picture = cv2.warpAffine(frame.image, shift, size, borderMode=cv2.BORDER_REPLICATE)
        for name, size in sizes.items():
            message = Image(width=size[0], height=size[1], step=3 * size[0], encoding="rgb8")
            message.data.frombytes(cv2.resize(picture, size).tobytes())
            frames[name].append(message)
    return frames


def memory_mb(pid: int) -> float:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES / 2**20


def cpu_s(pid: int) -> float:
    """Processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def by_minute(samples: list[tuple[float, float]]) -> dict[str, dict[str, float]]:
    """Latencies of each minute, in milliseconds."""
    table = {}
    for minute in range(int(samples[-1][0] // 60) + 1):
        values = [1e3 * value for at, value in samples if at // 60 == minute]
        if values:
            p10, p50, p99 = np.percentile(values, [10, 50, 99])
            table[str(minute)] = {
                "p10": round(p10, 2),
                "p50": round(p50, 2),
                "p99": round(p99, 2),
                "count": len(values),
            }
    return table


def drift(samples: list[tuple[float, float]], percentile: float) -> float:
    """Relative change of a percentile from the first third of the samples to the last."""
    values = np.array([value for _, value in samples])
    third = max(1, len(values) // 3)
    first, last = (np.percentile(part, percentile) for part in (values[:third], values[-third:]))
    return float(last / first - 1.0)


def cpu_drift(minutes: dict[str, dict[str, float]]) -> float:
    """Relative change of the processor time for an answer from the first third to the last.

    Unlike latency it says something on a machine that others use too.
    """
    course = list(minutes.values())
    third = max(1, (len(course) - 1) // 3)

    def cost_s(first: dict[str, float], last: dict[str, float]) -> float:
        return (last["cpu_s"] - first["cpu_s"]) / max(1, last["answered"] - first["answered"])

    return cost_s(course[-1 - third], course[-1]) / cost_s(course[0], course[third]) - 1.0


def run(
    soak: Soak, minutes: float, seed: int, pid: int
) -> tuple[Counter, dict[str, dict[str, float]]]:
    """Let the weather change until time is over; what happened, and how the node was by minute."""
    rng = random.Random(seed)
    happened: Counter[str] = Counter()
    course: dict[str, dict[str, float]] = {}
    started_s = time.monotonic()
    while (passed_s := time.monotonic() - started_s) < 60 * minutes:
        course.setdefault(
            str(int(passed_s // 60)),
            {
                "memory_mb": round(memory_mb(pid), 1),
                "cpu_s": round(cpu_s(pid), 1),
                "answered": len(soak.answered),
                "load_of_the_machine": round(os.getloadavg()[0], 1),
            },
        )
        weather = storm(rng)
        seconds = rng.uniform(1.0, 8.0)
        soak.live(weather, seconds)
        happened["storms"] += 1
        happened["silences"] += weather.silent
        happened["rate_changes"] += weather.rate_hz != RATE_HZ
        happened["resolution_changes"] += weather.size != QUIET.size
        happened["listeners"] += len(weather.listeners)
        soak.live(QUIET, rng.uniform(5.0, 10.0))
        print(f"{passed_s:.0f} s: sent {soak.sent}, answered {len(soak.answered)}", flush=True)
    return happened, course


def main() -> int:
    """Run, print, write; 1 if an image is missing or latency drifted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, default=RESULTS / "soak.json")
    options = parser.parse_args()
    frames = swaying_frames()
    use_dds_profile()
    rclpy.init()
    soak = Soak(frames)
    executor = SingleThreadedExecutor()
    executor.add_node(soak)
    spinner = threading.Thread(target=executor.spin, daemon=True)
    spinner.start()
    process = subprocess.Popen(
        [sys.executable, "-m", "dice_ros.ros.dice_node", "--ros-args", "-p",
         "camera_info_wait_s:=0.0"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    log: list[str] = []
    reader = threading.Thread(target=lambda: log.extend(process.stderr), daemon=True)
    reader.start()
    wait(soak.is_matched)
    # What is sent while networks load may be lost uncounted: counting begins with an answer.
    while not soak.answered:
        soak.send(QUIET.size)
        time.sleep(1.0)
    start = soak.settled_statistics()
    soak.sent = 0
    course = run(soak, options.minutes, options.seed, process.pid)
    statistics = soak.settled_statistics()
    process.send_signal(signal.SIGINT)
    code = process.wait(TIMEOUT_S)
    reader.join(TIMEOUT_S)
    executor.shutdown()
    soak.destroy_node()
    rclpy.try_shutdown()
    return report(options, soak, (start, statistics), course, (code, log))


def report(
    options: argparse.Namespace,
    soak: Soak,
    statistics: tuple[dict, dict],
    course: tuple[Counter, dict[str, dict[str, float]]],
    end: tuple[int, list[str]],
) -> int:
    """Print and write what came out of the course of the run and the end of the node."""
    (happened, minutes), (code, log) = course, end
    before, statistics = statistics
    received, lost = (
        count(statistics) - count(before)
        for count in (lambda told: told["received"], lambda told: told["notes"].get(LOST, 0))
    )
    gone = statistics["published"] + statistics["overwritten"] + sum(statistics["drops"].values())
    value = {
        "machine": machine(),
        "minutes": options.minutes,
        "seed": options.seed,
        "happened": dict(happened),
        "sent": soak.sent,
        "received": received,
        "lost_in_transport": lost,
        "sent_is_received_plus_lost": soak.sent == received + lost,
        "statistics": statistics,
        "received_is_accounted_for": statistics["received"] == gone,
        "answers_heard": len(soak.answered),
        "exit_code": code,
        "last_words": next((line.strip() for line in reversed(log) if "received" in line), ""),
        "quiet_latency_ms": by_minute(soak.latencies),
        "latency_drift": {
            f"p{percentile}": round(drift(soak.latencies, percentile), 4) for percentile in (10, 50)
        },
        "cpu_time_drift": round(cpu_drift(minutes), 4) if len(minutes) > 1 else None,
        "minutes_of_the_node": minutes,
    }
    print(json.dumps(value, indent=1))
    print(f"target: every image accounted for, latency drift <= {TARGET_DRIFT:.0%}")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(value, indent=1) + "\n")
    exact = value["sent_is_received_plus_lost"] and value["received_is_accounted_for"]
    return 0 if exact and code == 0 and value["latency_drift"]["p50"] <= TARGET_DRIFT else 1


if __name__ == "__main__":
    sys.exit(main())
