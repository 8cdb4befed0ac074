"""How fast DICE's network runs on each engine, side by side with the published way to run it.

python bench/engine.py [--rounds N] [--device auto] [--out bench/results]

The published path is imitated with the same weights (``published_path.py``). Rounds alternate
between engines, so that a busy moment of the machine hits all of them; within a round each runs a
few times, as in use, and the first is not counted. Weights are seeded random numbers: speed does
not depend on them, accuracy does. What each exact rewriting gives is measured in the same way, on
the plain engine, against the published arithmetic without the published host code. Memory is
measured with one engine a process.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from held_memory import held_bytes
from machine import machine
from published_path import PublishedPath
from stand_in_model import load_model, stand_in_model
from torch.utils.flop_counter import FlopCounterMode

from dice_ros.engine.calibration import load_calibration
from dice_ros.engine.certificate import certificate_images, certify, reference_readings
from dice_ros.engine.choose import DiceModel, build_rtx_engine
from dice_ros.engine.compiled import CompiledEngine
from dice_ros.engine.device import set_numerics
from dice_ros.engine.eager import EagerEngine
from dice_ros.engine.int8_quantization import can_quantise
from dice_ros.engine.one_thread import OneThreadEngine
from dice_ros.engine.openvino_cpu import OpenVinoEngine, cpu_has
from dice_ros.engine.protocol import DiceEngine, EngineError, Precision
from dice_ros.engine.tensorrt_rtx import TensorRtRtxEngine, gpu_by_name
from dice_ros.engine.torch_tensorrt_gpu import TorchTensorRtEngine
from dice_ros.networks.dice import DiceConfig
from dice_ros.networks.dice_graph import DiceGraph, Simplifications
from dice_ros.settings import Settings

UPSTREAM = "published path"
NEEDS = {"project_features": ("reassociate_tokens",)}
"""Rewritings that take another for granted."""
BLOCK = 3
"""Runs of an engine behind each other; the first brings its weights back into the caches."""
_PRODUCT_SIDE = {"cpu": 2048, "cuda": 8192}
_COPIED_BYTES = 1 << 28
_FLOOR_ROUNDS = 5


def main() -> int:
    """Time everything that runs here and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--compile", action="store_true", help="torch.compile too (minutes)")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--memory-of", nargs=2, help=argparse.SUPPRESS)  # engine, folder
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    if device.type == "cuda":
        set_numerics(Settings(), device)
    if options.memory_of:
        name, folder = options.memory_of
        print(json.dumps(memory_of(name, Path(folder), device)))
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        model = stand_in_model(Path(scratch), DiceConfig(), calibrated=can_quantise())
        algebra = measure_algebra(model)
        algebra_times = measure_algebra_times(model, device, options.rounds)
        engines = open_engines(model, device, Path(scratch), compile_too=options.compile)
        certificates = prove(engines, model, device)
        memory = {name: memory_apart(name, Path(scratch), options) for name in (UPSTREAM, *engines)}
    runs: dict[str, Callable[[torch.Tensor], Any]] = {UPSTREAM: published(model, device)}
    runs |= {name: downloaded(engine) for name, engine in engines.items()}
    batches = {count: measure(runs, count, options.rounds, device) for count in (1, 2)}
    roofline = {
        precision.value: measure_roofline(algebra["all"], model, precision, device)
        for precision in roofline_precisions(device)
    }
    report = {
        "machine": machine(),
        "torch": torch.__version__,
        "device": str(device),
        "threads": options.threads,
        "weights": "seeded random numbers, published size, stand-in bodies",
        "algebra": algebra,
        "algebra_p50_ms": algebra_times,
        "certificates": certificates,
        "batches": batches,
        "roofline": roofline,
        "memory": memory,
    }
    print_report(report)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / f"engine_{device.type}.json"
    path.write_text(json.dumps(report, indent=1) + "\n")
    sys.stderr.write(f"wrote {path}\n")
    return 0


def published(model: DiceModel, device: torch.device) -> Callable[[torch.Tensor], Any]:
    """The published path with PyTorch's own defaults: TF32 in convolutions, none in products."""
    path = PublishedPath(model, device)

    def run(images: torch.Tensor) -> Any:
        torch.backends.cudnn.allow_tf32 = True
        try:
            return path(images)
        finally:
            torch.backends.cudnn.allow_tf32 = False

    return run


def downloaded(engine: DiceEngine) -> Callable[[torch.Tensor], Any]:
    """The engine with its results on the host, in one transfer, as the estimator reads them."""

    def run(images: torch.Tensor) -> Any:
        reading = engine.run(images)
        if reading.head.device.type == "cpu":
            return reading
        return torch.cat([tensor.reshape(len(images), -1) for tensor in reading], dim=1).cpu()

    return run


def measure_algebra(model: DiceModel) -> dict[str, float]:
    """GFLOP of one crop (2 a multiply-add, attention's products left out) by rewriting."""
    crop = torch.zeros(1, 3, 224, 224)
    found = {}
    for name, chosen in variants().items():
        graph = model.graph(Precision.FLOAT32, chosen)
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            graph(crop)
        found[name] = counter.get_total_flops() / 1e9
    return found


def variants() -> dict[str, Simplifications]:
    """No rewriting, all, and each alone (with those it takes for granted)."""
    none = Simplifications.none()
    names = [item.name for item in dataclasses.fields(Simplifications)]
    return {"published": none, "all": Simplifications()} | {
        name: dataclasses.replace(none, **{name: True}, **dict.fromkeys(NEEDS.get(name, ()), True))
        for name in names
    }


def measure_algebra_times(model: DiceModel, device: torch.device, rounds: int) -> dict[str, float]:
    """Milliseconds (p50) of one crop on the plain engine by rewriting."""
    engines = {}
    for name, chosen in variants().items():
        engines[name] = EagerEngine(model.graph(Precision.FLOAT32, chosen), device)
        engines[name].load()
        engines[name].warm_up((1,))
    times = times_ms({name: engine.run for name, engine in engines.items()}, 1, rounds, device)
    for engine in engines.values():
        engine.close()
    return {name: float(np.median(values)) for name, values in times.items()}


def roofline_precisions(device: torch.device) -> tuple[Precision, ...]:
    """Precisions worth a floor on this device."""
    if device.type == "cuda":
        return (Precision.FLOAT32, Precision.FLOAT16)
    return tuple(item for item in (Precision.FLOAT32, Precision.BFLOAT16) if cpu_has(item))


def measure_roofline(
    gflop: float, model: DiceModel, precision: Precision, device: torch.device
) -> dict[str, float]:
    """The least time for one crop: by arithmetic as fast as large matrix products, and by memory.

    Attention's products are not in ``gflop``: the floor is a little too low.
    """
    side = _PRODUCT_SIDE[device.type]
    left, right = (torch.randn(side, side, device=device).to(precision.dtype) for _ in range(2))
    product_s = _best_s(lambda: left @ right, device)
    source = torch.ones(_COPIED_BYTES // 4, device=device)
    target = torch.empty_like(source)
    copy_s = _best_s(lambda: target.copy_(source), device)
    weights = sum(item.numel() for item in model.network.parameters())
    peak_gflops = 2e-9 * side**3 / product_s
    bandwidth_gbs = 2e-9 * _COPIED_BYTES / copy_s
    return {
        "matrix_product_gflops": peak_gflops,
        "copy_gb_s": bandwidth_gbs,
        "arithmetic_floor_ms": 1e3 * gflop / peak_gflops,
        "weights_floor_ms": 1e-6 * weights * precision.dtype.itemsize / bandwidth_gbs,
    }


def _best_s(work: Callable[[], Any], device: torch.device) -> float:
    times = []
    for _ in range(_FLOOR_ROUNDS):
        started_s = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - started_s)
    return min(times)


def open_engines(
    model: DiceModel, device: torch.device, folder: Path, *, compile_too: bool
) -> dict[str, DiceEngine]:
    """Every engine that can be had here; what is built goes into ``folder``."""
    engines = {}
    for name, make in engine_makers(model, device, folder, compile_too=compile_too).items():
        started_s = time.perf_counter()
        try:
            engine = ready(make)
        except (EngineError, RuntimeError) as error:  # out of memory, for one
            print(f"{name}: {error}")
            continue
        print(f"{name}: ready after {time.perf_counter() - started_s:.1f} s")
        engines[name] = engine
    return engines


def ready(make: Callable[[], DiceEngine]) -> DiceEngine:
    """Loaded and warm."""
    engine = make()
    engine.load()
    engine.warm_up((1, 2))
    return engine


def engine_makers(
    model: DiceModel, device: torch.device, folder: Path, *, compile_too: bool
) -> dict[str, Callable[[], DiceEngine]]:
    """What makes every engine that may be had here, by name."""
    wanted: dict[str, Callable[[], DiceEngine]] = {
        "eager float32": lambda: EagerEngine(model.graph(Precision.FLOAT32), device)
    }
    if device.type == "cuda":
        for precision in (Precision.FLOAT16, Precision.BFLOAT16):
            wanted[f"eager {precision.value}"] = lambda p=precision: EagerEngine(
                model.graph(p), device
            )
        wanted |= tensorrt_engines(model, device, folder)
    else:
        for precision in (Precision.FLOAT32, Precision.BFLOAT16):
            if cpu_has(precision):
                wanted[f"openvino {precision.value}"] = lambda p=precision: OpenVinoEngine(
                    model.graph(Precision.FLOAT32), p
                )
        if model.calibration_path.is_file():
            wanted["openvino int8"] = lambda: OpenVinoEngine(
                model.graph(Precision.INT8),
                Precision.INT8,
                calibration=load_calibration(model.calibration_path).seen,
            )
    if compile_too:
        half = Precision.FLOAT16 if device.type == "cuda" else Precision.FLOAT32
        wanted[f"compile {half.value}"] = lambda: CompiledEngine(model.graph(half), device)
    return wanted


def memory_apart(name: str, folder: Path, options: argparse.Namespace) -> dict[str, float]:
    """Memory of an engine in a process of its own; empty if it fails there."""
    command = [sys.executable, __file__, "--memory-of", name, str(folder)]
    command += ["--threads", str(options.threads), "--device", options.device]
    command += ["--compile"] * options.compile
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"memory of {name}: {done.stderr[-500:]}")
        return {}
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def memory_of(name: str, folder: Path, device: torch.device) -> dict[str, float]:
    """What this process holds for one engine after batches of one and two, and at most, in MB.

    Libraries count too (a few hundred MB), and at most also what building it takes; the weights
    that it was made from are given back. On the GPU what is there besides is not counted.
    """
    before_mb = _gpu_used_mb() if device.type == "cuda" else 0.0
    model = load_model(folder)
    if name == UPSTREAM:
        run = published(model, device)
    else:
        run = downloaded(ready(engine_makers(model, device, folder, compile_too=True)[name]))
    del model
    for count in (1, 2):
        run(torch.zeros(count, 3, 224, 224, device=device))
    # Not ru_maxrss, in which the process that started this one counts.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    found = {
        "held_mb": held_bytes() / 2**20,
        "max_mb": int(status["VmHWM"].split()[0]) / 1024,
    }
    if device.type == "cuda":
        torch.cuda.empty_cache()
        found["gpu_mb"] = _gpu_used_mb() - before_mb
    return found


def _gpu_used_mb() -> float:
    free, total = torch.cuda.mem_get_info()
    return (total - free) / 2**20


def tensorrt_engines(
    model: DiceModel, device: torch.device, folder: Path
) -> dict[str, Callable[[], DiceEngine]]:
    """Both kinds, half precision."""
    half = Precision.FLOAT16

    def torch_tensorrt() -> DiceEngine:
        graph = model.graph(half)
        return OneThreadEngine(lambda: TorchTensorRtEngine(graph, half, device))

    def tensorrt_rtx() -> DiceEngine:
        major, minor = torch.cuda.get_device_capability(device)
        if not (folder / "rtx").is_dir():
            build_rtx_engine(model, folder / "rtx", gpu_by_name(f"{major}.{minor}"), half)
        return OneThreadEngine(lambda: TensorRtRtxEngine(folder / "rtx", device))

    return {"torch_tensorrt float16": torch_tensorrt, "tensorrt_rtx float16": tensorrt_rtx}


def prove(engines: dict[str, DiceEngine], model: DiceModel, device: torch.device) -> dict[str, Any]:
    """Certificates against the plain float32 graph."""
    plain = EagerEngine(
        DiceGraph(
            model.network,
            model.bodies.flame,
            model.bodies.mano,
            simplifications=Simplifications.none(),
        ),
        device,
        cuda_graphs=False,
    )
    plain.load()
    fixed = certificate_images()
    reference = reference_readings(plain, fixed)
    found = {}
    for name, engine in engines.items():
        images, expected = fixed, reference
        if engine.describe().precision is Precision.INT8:
            images = load_calibration(model.calibration_path).held_out
            expected = reference_readings(plain, images)
        certificate = certify(engine.describe(), reference_readings(engine, images), expected)
        found[name] = dataclasses.asdict(certificate) | {"passed": certificate.passed}
    return found


def times_ms(
    runs: dict[str, Callable[[torch.Tensor], Any]], count: int, rounds: int, device: torch.device
) -> dict[str, list[float]]:
    """Milliseconds of every run that counts, on the same images, in alternating rounds."""
    images = torch.randn(count, 3, 224, 224, device=device)
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            for number in range(BLOCK):
                started_s = time.perf_counter()
                run(images)
                if device.type == "cuda":
                    torch.cuda.synchronize()
                if number:
                    times[name].append(1e3 * (time.perf_counter() - started_s))
    return times


def measure(
    runs: dict[str, Callable[[torch.Tensor], Any]], count: int, rounds: int, device: torch.device
) -> dict[str, dict[str, float]]:
    """p50, p99, max in milliseconds and the ratio of medians to the published path."""
    times = times_ms(runs, count, rounds, device)
    base = float(np.median(times[UPSTREAM]))
    return {
        name: {
            "p50_ms": float(np.percentile(values, 50)),
            "p99_ms": float(np.percentile(values, 99)),
            "max_ms": max(values),
            "ratio": base / float(np.median(values)),
        }
        for name, values in times.items()
    }


def print_report(report: dict[str, Any]) -> None:
    """A table for people."""
    print("\none crop by exact rewriting (attention's products left out)   GFLOP   p50 ms")
    for name, gflop in report["algebra"].items():
        print(f"  {name:56} {gflop:8.2f} {report['algebra_p50_ms'][name]:8.1f}")
    for count, rows in report["batches"].items():
        print(f"\nbatch {count:<20} p50 ms   p99 ms   max ms   ratio")
        for name, row in rows.items():
            print(
                f"  {name:24} {row['p50_ms']:8.1f} {row['p99_ms']:8.1f} {row['max_ms']:8.1f} "
                f"{row['ratio']:7.2f}"
            )
    print("\nbatch 2 : batch 1")
    for name, row in report["batches"][2].items():
        print(f"  {name:24} {row['p50_ms'] / report['batches'][1][name]['p50_ms']:8.2f}")
    print(
        "\nagainst plain float32   vertices mm   flips %   contact   picture px   presence   passed"
    )
    for name, row in report["certificates"].items():
        print(
            f"  {name:21} {row['vertex_p99_mm']:11.4f} {100 * row['contact_flip_rate']:9.3f} "
            f"{row['contact_p99']:9.4f} {row['image_p99_px']:12.4f} {row['presence_max']:10.4f}   "
            f"{'yes' if row['passed'] else 'no'}"
        )
    print("\nfloors of one crop        product GFLOP/s   copy GB/s   arithmetic ms   weights ms")
    for name, row in report["roofline"].items():
        print(
            f"  {name:24} {row['matrix_product_gflops']:14.0f} {row['copy_gb_s']:11.1f} "
            f"{row['arithmetic_floor_ms']:15.1f} {row['weights_floor_ms']:12.1f}"
        )
    print("\nmemory of a process with it   held MB   at most MB   on the GPU MB")
    for name, row in report["memory"].items():
        if row:
            print(
                f"  {name:24} {row['held_mb']:11.0f} {row['max_mb']:12.0f} "
                f"{row.get('gpu_mb', 0.0):15.0f}"
            )
    print(f"\n{report['weights']}")


if __name__ == "__main__":
    sys.exit(main())
