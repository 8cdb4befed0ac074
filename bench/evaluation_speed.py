"""Signed distances of a hand's 778 vertices to a head's 5023, against trimesh in the same run.

Needs ``pip install trimesh rtree``, for this comparison only. Hands of random turn and place touch
or enter the face of a stand-in head, or hover before it; every frame has a head of its own. One
BLAS thread; times of ours are those of a batch, divided by its frames: processor time, which the
target is about, and wall time, which other programs lengthen.
"""

from __future__ import annotations

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import argparse
import json
import time
from pathlib import Path

import numpy as np
import trimesh
from machine import machine
from tqdm import tqdm

from dice_ros.assets.store import require_assets
from dice_ros.body.open_hand import OpenHand
from dice_ros.body.open_head import OpenHead
from dice_ros.evaluation.signed_distance import SignedDistance
from dice_ros.synthesis.stand_in_bodies import make_stand_in_flame, make_stand_in_mano

TARGET_MS = 5.0
RESULTS = Path(__file__).parent / "results" / "evaluation_speed.json"
_GAPS_M = (-0.03, 0.03)


def scenes(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Heads (N, 5023, 3), hands (N, 778, 3), triangles (F, 3)."""
    assets = require_assets()
    flame = make_stand_in_flame(OpenHead.load(assets / "head.npz"))
    mano = make_stand_in_mano(OpenHand.load(assets / "hand.npz"))
    rng = np.random.default_rng(seed)
    rest = flame.v_template
    face = np.flatnonzero(rest[:, 2] > np.percentile(rest[:, 2], 70))
    centre = rest.mean(axis=0)
    heads, hands = [], []
    for _ in range(count):
        head = rest + flame.shapedirs[..., :10] @ rng.normal(0.0, 0.5, 10)
        turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        hand = (mano.v_template - mano.v_template.mean(axis=0)) @ turn
        target = head[rng.choice(face)]
        outwards = (target - centre) / np.linalg.norm(target - centre)
        nearest = hand[np.argmin(hand @ outwards)]
        hands.append(hand - nearest + target + outwards * rng.uniform(*_GAPS_M))
        heads.append(head)
    return np.array(heads), np.array(hands), flame.f.astype(np.int64)


def spread(times_ms: list[float]) -> dict[str, float]:
    """Percentiles."""
    p50, p99 = np.percentile(times_ms, [50, 99])
    return {"n": len(times_ms), "p50": float(p50), "p99": float(p99), "max": max(times_ms)}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=640)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--others", type=int, default=8, help="frames that trimesh measures")
    parser.add_argument("--json", type=Path, default=RESULTS)
    options = parser.parse_args()
    heads, hands, triangles = scenes(options.frames)
    surface = SignedDistance(triangles, heads.shape[1])
    surface.measure(heads[:2], hands[:2])
    cpu_ms, wall_ms, found = [], [], []
    for start in tqdm(range(0, options.frames, options.batch), desc="ours"):
        some = slice(start, start + options.batch)
        begin, begin_cpu = time.perf_counter(), time.process_time()
        found.append(surface.measure(heads[some], hands[some]))
        end, end_cpu = time.perf_counter(), time.process_time()
        wall_ms.append(1e3 * (end - begin) / len(found[-1]))
        cpu_ms.append(1e3 * (end_cpu - begin_cpu) / len(found[-1]))
    ours = np.concatenate(found)
    theirs_ms, distances, signs = [], [], []
    for frame in tqdm(range(options.others), desc="trimesh"):
        begin = time.process_time()
        mesh = trimesh.Trimesh(heads[frame], triangles, process=False)
        theirs = trimesh.proximity.signed_distance(mesh, hands[frame])
        theirs_ms.append(1e3 * (time.process_time() - begin))
        distances.append(np.abs(np.abs(theirs) - np.abs(ours[frame])).max())
        signs.append(float(np.mean((theirs >= 0) == (ours[frame] >= 0))))
    result = {
        "machine": machine(),
        "trimesh": trimesh.__version__,
        "batch": options.batch,
        "inside_share": float((ours >= 0).mean()),
        "load_average": os.getloadavg()[0],
        "ours_cpu_ms_per_frame": spread(cpu_ms),
        "ours_wall_ms_per_frame": spread(wall_ms),
        "trimesh_cpu_ms_per_frame": spread(theirs_ms),
        "largest_difference_of_distances_m": float(max(distances)),
        "same_sign": float(np.mean(signs)),
        "target_p50_ms": TARGET_MS,
    }
    for name in (
        *("ours_cpu_ms_per_frame", "ours_wall_ms_per_frame"),
        "trimesh_cpu_ms_per_frame",
    ):
        times = result[name]
        print(
            f"{name:<26} p50 {times['p50']:8.2f}  p99 {times['p99']:8.2f}  max {times['max']:8.2f}"
        )
    print(f"distances differ by at most {result['largest_difference_of_distances_m']:.1e} m")
    print(f"same sign: {100 * result['same_sign']:.2f} %")
    print(f"target p50 <= {TARGET_MS} ms: {'met' if ours_met(result) else 'MISSED'}")
    options.json.write_text(json.dumps(result, indent=1) + "\n")
    print(f"wrote {options.json}")


def ours_met(result: dict) -> bool:
    """Whether the promise on speed holds."""
    return result["ours_cpu_ms_per_frame"]["p50"] <= TARGET_MS


if __name__ == "__main__":
    main()
