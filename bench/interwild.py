"""How long InterWild takes on one picture, side by side with the published way to run it.

python bench/interwild.py [--rounds N] [--threads N] [--device cpu] [--out bench/results]

The published way is the same network with the heatmaps of its last part written out (2688 maps of
64 x 64, 44 MB) and batch norms of their own. Rounds alternate between the variants, so that a busy
moment of the machine hits all of them. Weights are seeded random numbers of the published size:
speed does not depend on them. Pictures are on the device already; placement is not included.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import machine

from dice_ros.assets.store import require_assets
from dice_ros.body.licensed_bodies import read_licensed_hands
from dice_ros.body.mano_pair import ManoPair
from dice_ros.body.open_hand import OpenHand
from dice_ros.engine.interwild_eager import InterWildEngine, InterWildRequest
from dice_ros.networks.interwild.config import InterWildConfig
from dice_ros.networks.interwild.names import names_by_published
from dice_ros.networks.interwild.network import GivenBoxes, InterWildNetwork, InterWildOutput
from dice_ros.networks.interwild.seeded_weights import seeded_weights
from dice_ros.networks.interwild.translation_net import (
    gaussian_volume,
    separable_convolution,
)
from dice_ros.synthesis.stand_in_bodies import make_stand_in_mano, mirror_hand
from dice_ros.synthesis.stand_in_bodies.files import write_model

PUBLISHED, SIMPLIFIED = "as published", "folded, separable first layer"


def main() -> int:
    """Time every variant and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    network = seeded_network()
    engines = {
        PUBLISHED: InterWildEngine(network, device, simplified=False),
        SIMPLIFIED: InterWildEngine(network, device),
    }
    for engine in engines.values():
        engine.load()
    canvas = random_canvas(device)
    report = {
        "machine": machine(),
        "torch": torch.__version__,
        "device": str(device),
        "threads": options.threads,
        "rounds": options.rounds,
        "weights": "seeded random numbers, published size, stand-in hands",
        "pictures_ms": measure(picture_variants(engines, canvas), options.rounds, device),
        "parts_ms": measure(part_variants(network.to(device), canvas), options.rounds, device),
        "differences": differences(engines, canvas),
        "max_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print_report(report)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / f"interwild_{device.type}.json"
    path.write_text(json.dumps(report, indent=1) + "\n")
    sys.stderr.write(f"wrote {path}\n")
    return 0


def seeded_network() -> InterWildNetwork:
    """The published size with random weights."""
    config = InterWildConfig()
    network = InterWildNetwork(config, stand_in_hands())
    names = names_by_published(network.state_dict())
    weights = seeded_weights(config)
    network.load_state_dict(
        {names[name]: torch.from_numpy(np.asarray(array)) for name, array in weights.items()}
    )
    return network.eval().requires_grad_(False)


def stand_in_hands() -> ManoPair:
    """Both hands, made from the open one."""
    hand = make_stand_in_mano(OpenHand.load(require_assets() / "hand.npz"))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_model(folder / "MANO_RIGHT.pkl", hand)
        write_model(folder / "MANO_LEFT.pkl", mirror_hand(hand))
        return read_licensed_hands(folder)


def random_canvas(device: torch.device) -> torch.Tensor:
    """(1, 3, 512, 384) blocks of colour."""
    coarse = np.random.default_rng(1).random((1, 3, 32, 24), dtype=np.float32)
    return torch.from_numpy(coarse.repeat(16, 2).repeat(16, 3)).to(device)


def picture_variants(
    engines: dict[str, InterWildEngine], canvas: torch.Tensor
) -> dict[str, Callable[[], Any]]:
    """Ways to get both hands, or one, from a picture."""
    right = torch.tensor([[60.0, 200.0, 160.0, 300.0]], device=canvas.device)
    left = torch.tensor([[180.0, 210.0, 280.0, 310.0]], device=canvas.device)
    quick = engines[SIMPLIFIED]
    return {
        f"{PUBLISHED}, boxes found": lambda: engines[PUBLISHED].run(InterWildRequest(canvas)),
        f"{SIMPLIFIED}, boxes found": lambda: quick.run(InterWildRequest(canvas)),
        f"{SIMPLIFIED}, both boxes given": lambda: quick.run(
            InterWildRequest(canvas, GivenBoxes(right, left))
        ),
        f"{SIMPLIFIED}, one box given": lambda: quick.run(
            InterWildRequest(canvas, GivenBoxes(right, None))
        ),
    }


def part_variants(network: InterWildNetwork, canvas: torch.Tensor) -> dict[str, Callable[[], Any]]:
    """Parts whose two ways of running are of interest."""
    crops = torch.rand(2, 3, 256, 256, device=canvas.device)
    joints = 64 * torch.rand(1, 42, 3, device=canvas.device)
    convolution = network.translation_net.entry[0]
    assert isinstance(convolution, torch.nn.Conv2d)
    return {
        "body backbone and BoxNet": lambda: network.find(canvas),
        "SHNet, both hands as one batch": lambda: network.hand_net(crops),
        "SHNet, one hand after the other": lambda: [
            network.hand_net(crop) for crop in crops[:, None]
        ],
        "TransNet's first layer, volume": lambda: convolution(gaussian_volume(joints)),
        "TransNet's first layer, separable": lambda: separable_convolution(convolution, joints),
    }


@torch.inference_mode()
def measure(
    variants: dict[str, Callable[[], Any]], rounds: int, device: torch.device
) -> dict[str, dict[str, float]]:
    """Milliseconds of every variant, in turn."""
    times: dict[str, list[float]] = {name: [] for name in variants}
    for number in range(rounds + 1):
        for name, work in variants.items():
            started_s = time.perf_counter()
            work()
            if device.type == "cuda":
                torch.cuda.synchronize()
            if number:  # the first one warms up
                times[name].append(1e3 * (time.perf_counter() - started_s))
    return {
        name: {
            "median": float(np.median(found)),
            "best": min(found),
            "p90": float(np.percentile(found, 90)),
            "max": max(found),
        }
        for name, found in times.items()
    }


def differences(engines: dict[str, InterWildEngine], canvas: torch.Tensor) -> dict[str, float]:
    """How far both ways are apart on this picture, millimetres."""
    outputs = [engine.run(InterWildRequest(canvas)) for engine in engines.values()]
    meshes, relatives = zip(*(meshes_of(output) for output in outputs), strict=True)
    return {
        "vertices_max_mm": 1e3 * float((meshes[0] - meshes[1]).abs().max()),
        "relative_translation_mm": 1e3 * float((relatives[0] - relatives[1]).abs().max()),
    }


def meshes_of(output: InterWildOutput) -> tuple[torch.Tensor, torch.Tensor]:
    """Both meshes and the vector between the wrists."""
    assert output.right is not None
    assert output.left is not None
    assert output.pair is not None
    return torch.cat([output.right.vertices, output.left.vertices]), output.pair.relative


def print_report(report: dict[str, Any]) -> None:
    """A table for people."""
    for group in ("pictures_ms", "parts_ms"):
        print(f"{group:<58} median   best    p90")
        for name, found in report[group].items():
            print(f"  {name:<55} {found['median']:7.1f} {found['best']:6.1f} {found['p90']:6.1f}")
    print(report["differences"])


if __name__ == "__main__":
    raise SystemExit(main())
