"""Time of every stage, cold and tracked, at two picture sizes, and of the node around it.

Cold: tracks are forgotten before every frame. Tracked: the clip as it is. The pictures are those of
the demonstration clip; larger ones are enlarged.
"""

from __future__ import annotations

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import argparse
import json
import resource
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
from machine import machine

from dice_ros.assets.store import require_assets
from dice_ros.camera import Camera
from dice_ros.cli.demo_clip_cache import INPUT_NAME, ensure_clip
from dice_ros.pipeline import Pipeline
from dice_ros.replay.open_source import open_source
from dice_ros.settings import Settings
from dice_ros.types import Frame

RESULTS = Path(__file__).parent / "results"
SIZES = ((640, 480), (1280, 720))
TARGETS = {"tracked p50": 100.0, "tracked p99": 200.0, "cold p50": 200.0}


def resized(frame: Frame, width: int, height: int) -> Frame:
    """The frame at another size: scaled to the height, centred, its border repeated."""
    old_height, old_width = frame.image.shape[:2]
    scale = height / old_height
    M = np.array([[scale, 0.0, 0.5 * (width - scale * old_width)], [0.0, scale, 0.0]])
    image = cv2.warpAffine(
        frame.image, M, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    K = frame.camera.K.copy()
    K[:2] *= scale
    K[0, 2] += M[0, 2]
    return Frame(image, frame.stamp_ns, camera=Camera(K, width, height))


def measure(pipeline: Pipeline, frames: list[Frame], *, cold: bool) -> dict[str, dict[str, float]]:
    """Percentiles of every stage over the frames."""
    stages: defaultdict[str, list[float]] = defaultdict(list)
    pipeline.reset()
    for frame in frames:
        if cold:
            pipeline.reset()
        result = pipeline.process(frame)
        for timing in result.timings:
            stages[timing.stage].append(timing.duration_ms)
    return {
        stage: {
            "n": len(ms),
            "p50": float(np.percentile(ms, 50)),
            "p99": float(np.percentile(ms, 99)),
            "max": float(np.max(ms)),
        }
        for stage, ms in stages.items()
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clip", type=Path, help="folder with the demonstration's input.mcap")
    parser.add_argument("--threads", type=int, default=2, help="of the networks")
    parser.add_argument(
        "--json", type=Path, default=Path(__file__).parent / "results" / "latency.json"
    )
    options = parser.parse_args()
    folder = options.clip or Path(tempfile.gettempdir()) / "dice_ros_latency"
    folder.mkdir(parents=True, exist_ok=True)
    ensure_clip(folder, require_assets())
    with open_source(str(folder / INPUT_NAME)) as source:
        frames = list(source)
    started = time.perf_counter()
    pipeline = Pipeline(require_assets(), Settings(network_threads=options.threads))
    load_s = time.perf_counter() - started
    measure(pipeline, frames[:5], cold=True)
    figures = {}
    for width, height in SIZES:
        sized = [resized(frame, width, height) for frame in frames]
        for name, cold in (("cold", True), ("tracked", False)):
            figures[f"{width}x{height} {name}"] = measure(pipeline, sized, cold=cold)
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    frames_mb = sum(frame.image.nbytes for frame in frames) / 2**20
    stages = list(dict.fromkeys(stage for figure in figures.values() for stage in figure))
    print(f"{'ms p50 / p99':<18}" + "".join(f"{name:>20}" for name in figures))
    for stage in stages:
        cells = [figure.get(stage) for figure in figures.values()]
        words = [
            "-" if cell is None else f"{cell['p50']:.1f} / {cell['p99']:.1f}" for cell in cells
        ]
        print(f"{stage:<18}" + "".join(f"{word:>20}" for word in words))
    print(f"loading {load_s:.1f} s; targets (ms): {TARGETS}")
    value = {
        "machine": machine(),
        "method": f"{len(frames)} frames of the demonstration clip, {options.threads} threads",
        "load_s": load_s,
        "peak_memory_mb_with_all_frames_in_memory": memory_mb,
        "frames_in_memory_mb": frames_mb,
        "stages_ms": figures,
    }
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(value, indent=1) + "\n")
    print(f"wrote {options.json}")


if __name__ == "__main__":
    main()
