"""What the node adds to the pipeline, and its memory: the real node, a camera in another process.

Overhead is the time from taking an image out of the mailbox to having published the interaction,
less the pipeline: decoding the message, building and publishing ours.
"""

from __future__ import annotations

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("ROS_DOMAIN_ID", "173")
os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import rclpy
from machine import machine

from dice_ros.assets.store import require_assets
from dice_ros.cli.demo_clip_cache import INPUT_NAME, ensure_clip
from dice_ros.ros.dds_profile import use_dds_profile
from dice_ros.ros.dice_node import DiceNode

RESULTS = Path(__file__).parent / "results"
TARGET_MS = 5.0


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=10.0, help="images a second")
    parser.add_argument("--json", type=Path, default=RESULTS / "node_overhead.json")
    options = parser.parse_args()
    folder = Path(tempfile.gettempdir()) / "dice_ros_latency"
    folder.mkdir(parents=True, exist_ok=True)
    ensure_clip(folder, require_assets())
    use_dds_profile()
    rclpy.init()
    node = DiceNode()
    camera = subprocess.Popen(
        [
            *(sys.executable, "-m", "dice_ros.ros.camera_player", str(folder / INPUT_NAME)),
            *("--rate", str(options.rate), "--wait-ready"),
        ],
        stdout=subprocess.DEVNULL,
    )
    while camera.poll() is None and node.failure is None:
        rclpy.spin_once(node, timeout_sec=0.1)
    account = node.accounting.account()
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    node.destroy_node()
    rclpy.try_shutdown()
    value = {
        "machine": machine(),
        "images_received": account.received,
        "images_published": account.published,
        "drops": account.drops,
        "overhead_ms": dict(zip(("p50", "p99"), account.overhead_ms, strict=True)),
        "take_to_publish_ms": dict(zip(("p50", "p99"), account.latency_ms, strict=True)),
        "peak_memory_mb": memory_mb,
    }
    print(json.dumps(value, indent=1))
    print(f"target: overhead p50 <= {TARGET_MS} ms, memory <= 500 MB")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(value, indent=1) + "\n")


if __name__ == "__main__":
    main()
