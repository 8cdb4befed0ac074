"""Images a second of ``dice-ros replay``, for one and two workers side by side.

Input: the demonstration clip, one camera; with --bag any recording. The rounds
alternate between the numbers of workers, so that a busy machine hurts all alike. Every round's
payloads are compared: they must not depend on the number of workers.
"""

from __future__ import annotations

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import argparse
import hashlib
import json
import shutil
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from machine import machine
from mcap.reader import make_reader

from dice_ros.assets.store import require_assets
from dice_ros.cli.demo_clip_cache import INPUT_NAME, ensure_clip
from dice_ros.pipeline import Pipeline
from dice_ros.replay.replay_job import ReplayJob, ReplayOptions
from dice_ros.settings import Settings

RESULTS = Path(__file__).parent / "results"


def replay(bag: str, out: Path, workers: int, settings: Settings) -> tuple[int, float]:
    """Images and seconds of one replay, loading not counted."""
    assets = require_assets()
    options = ReplayOptions((bag,), out, workers=workers, overwrite=True)
    with ReplayJob(options, settings, lambda: Pipeline(assets, settings)) as job:
        start = time.perf_counter()
        count = sum(1 for _ in job.run(lambda: False))
        return count, time.perf_counter() - start


def digest(path: Path) -> str:
    """Of all messages, their topics and times."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        for _, channel, message in make_reader(file).iter_messages(log_time_order=False):
            found.update(f"{channel.topic} {message.log_time} {message.publish_time} ".encode())
            found.update(message.data)
    return found.hexdigest()


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bag", help="a recording; the demonstration clip unless given")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--network-threads", type=int, default=1)
    parser.add_argument("--json", type=Path, default=RESULTS / "replay.json")
    options = parser.parse_args()
    folder = Path(tempfile.gettempdir()) / "dice_ros_latency"
    folder.mkdir(parents=True, exist_ok=True)
    if options.bag is None:
        ensure_clip(folder, require_assets())
    settings = Settings(network_threads=options.network_threads)
    rates: defaultdict[int, list[float]] = defaultdict(list)
    digests, count = set(), 0
    with tempfile.TemporaryDirectory() as scratch:
        out, copy = Path(scratch) / "out.mcap", Path(scratch) / INPUT_NAME
        if options.bag is None:
            # Of one's own: other programs that use the clip may make it again meanwhile.
            shutil.copy(folder / INPUT_NAME, copy)
        bag = options.bag or str(copy)
        for _ in range(options.rounds):
            for workers in options.workers:
                count, seconds = replay(bag, out, workers, settings)
                rates[workers].append(count / seconds)
                digests.add(digest(out))
    print(f"{'workers':>8} {'frames/s median':>16} {'best':>8} {'worst':>8}")
    for workers, found in rates.items():
        print(f"{workers:>8} {np.median(found):>16.1f} {max(found):>8.1f} {min(found):>8.1f}")
    print("payloads are the same" if len(digests) == 1 else "PAYLOADS DIFFER")
    value = {
        "machine": machine(),
        "load_average": os.getloadavg()[0],
        "recording": Path(options.bag).name if options.bag else "demonstration clip, 640x480 raw",
        "images": count,
        "network_threads": options.network_threads,
        "frames_per_s": {str(workers): found for workers, found in rates.items()},
        "payloads_are_the_same": len(digests) == 1,
    }
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(value, indent=1) + "\n")


if __name__ == "__main__":
    main()
