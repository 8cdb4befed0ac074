"""Memory over thousands of frames on each engine: it must not grow.

python bench/engine_memory.py [--frames 10000] [--published] [--only "openvino int8"]

Every frame is a new image on the engine that users get: watched and with the plain one behind it.
It is proved in float32 and float16 only: random weights do not survive less, so bfloat16 and int8
run unproved here. What grows would be buffers, graphs and caches, whatever the size of the network;
the small network makes ten thousand frames a matter of minutes. Memory is what the process holds
after the allocator gave back what it can; on a GPU also what is in use there, by whatever library.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from held_memory import held_bytes
from machine import machine
from stand_in_model import stand_in_model

from dice_ros.engine import certificate
from dice_ros.engine.choose import open_engine
from dice_ros.engine.engine_cache import EngineCache
from dice_ros.engine.int8_quantization import can_quantise
from dice_ros.engine.openvino_cpu import cpu_has
from dice_ros.engine.protocol import EngineError, Precision
from dice_ros.engine.resilient import ResilientEngine
from dice_ros.networks.dice import DiceConfig
from dice_ros.networks.dice_config import small_config

RESULTS = Path(__file__).parent / "results"
TARGET_MB = 1.0
SAMPLES = 20
WARM_UP_SHARE = 0.2
"""Of the samples: allocators and thread pools settle."""
ENGINES = {
    "cpu": (
        ("eager", "float32"),
        ("openvino", "float32"),
        ("openvino", "bfloat16"),
        ("openvino", "int8"),
    ),
    "cuda": (
        ("eager", "float32"),
        *((name, "auto") for name in ("compile", "torch_tensorrt", "tensorrt_rtx")),
    ),
}
UNPROVED = (Precision.BFLOAT16, Precision.INT8)
ANYTHING = certificate.Limits(1e9, 1.0, 1e9, 1.0)


def main() -> int:
    """Run every engine that can be had here and print what it left behind."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--published", action="store_true", help="the published size (hours)")
    parser.add_argument(
        "--only",
        action="append",
        metavar="ENGINE",
        help="of the engines of the last table; what is known of the others stays (repeatable)",
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    device = torch.device(options.device)
    names = [_name(kind, precision) for kind, precision in ENGINES[device.type]]
    if unknown := set(options.only or ()) - set(names):
        parser.error(f"no engine {', '.join(sorted(unknown))} here, but {', '.join(names)}")
    for precision in UNPROVED:
        certificate.LIMITS[precision] = ANYTHING
    path = options.out / f"engine_memory_{device.type}.json"
    rows = json.loads(path.read_text())["engines"] if options.only and path.is_file() else {}
    with tempfile.TemporaryDirectory() as scratch:
        config = DiceConfig() if options.published else small_config()
        model = stand_in_model(Path(scratch), config, calibrated=can_quantise())
        cache = EngineCache(Path(scratch) / "engines")
        for kind, precision in ENGINES[device.type]:
            name = _name(kind, precision)
            if options.only and name not in options.only:
                continue
            if precision == "bfloat16" and not cpu_has(Precision.BFLOAT16):
                print(f"{name}: this CPU does not compute in it")
                continue
            try:
                engine = open_engine(model, device, cache, engine=kind, precision=precision)
            except EngineError as error:
                print(f"{name}: {error}")
                continue
            rows[name] = {
                "machine": machine(),
                "torch": torch.__version__,
                "network": "published size" if options.published else "small",
                "frames": options.frames,
            } | run(engine, options.frames)
            engine.close()
            print(
                f"{name:18} {options.frames} frames in {rows[name]['seconds']:.0f} s: "
                f"{rows[name]['growth_mb']:+.2f} MB"
                + (f", GPU {rows[name]['gpu_growth_mb']:+.2f} MB" if device.type == "cuda" else "")
                + f" (target {TARGET_MB:g})",
                flush=True,
            )
    options.out.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"device": str(device), "engines": rows}, indent=1) + "\n")
    sys.stderr.write(f"wrote {path}\n")
    return 0


def _name(kind: str, precision: str) -> str:
    return f"{kind} {precision}".removesuffix(" auto")


def run(engine: ResilientEngine, frames: int) -> dict[str, Any]:
    """Memory every so many frames, and what it grew by after the warm-up."""
    generator = torch.Generator().manual_seed(1)
    every = max(1, frames // SAMPLES)
    samples, gpu_samples = [], []
    started_s = time.monotonic()
    for number in range(1, frames + 1):
        count = 1 + number % 2
        engine.run(torch.randn(count, 3, 224, 224, generator=generator))
        if number % every == 0:
            samples.append(held_mb())
            if torch.cuda.is_available():
                gpu_samples.append(gpu_held_mb())
    on_gpu = {"gpu_mb": gpu_samples, "gpu_growth_mb": growth(gpu_samples)} if gpu_samples else {}
    return {
        "engine": str(engine.describe()),
        "seconds": time.monotonic() - started_s,
        "every_frames": every,
        "rss_mb": samples,
        "growth_mb": growth(samples),
    } | on_gpu


def growth(samples: list[float]) -> float:
    """From the first to the last third, after the warm-up."""
    settled = samples[int(WARM_UP_SHARE * len(samples)) :]
    third = max(1, len(settled) // 3)
    return float(np.median(settled[-third:]) - np.median(settled[:third]))


def held_mb() -> float:
    """Resident memory after everything unused was given back."""
    return held_bytes() / 1e6


def gpu_held_mb() -> float:
    """Memory in use on the GPU, PyTorch's unused blocks given back."""
    torch.cuda.empty_cache()
    free, total = torch.cuda.mem_get_info()
    return (total - free) / 1e6


if __name__ == "__main__":
    sys.exit(main())
