"""Accuracy against exact truth, on our own renders.

``python bench/truth.py`` measures the held-out test split; ``--fit`` fits the touch decision on the
train split and prints its constants. What it says holds for renders: it shows what the geometry and
the decision can do when faces and hands are of the very models that are fitted, not how well real
people are reconstructed.
"""

from __future__ import annotations

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import argparse
import json
import multiprocessing
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from machine import machine
from tqdm import tqdm
from truth_cache import load_frames, load_sequences, read

from dice_ros.assets.store import require_assets
from dice_ros.body.open_head import OpenHead
from dice_ros.estimators.landmark_fit.touch_decision import TouchModel
from dice_ros.evaluation.contact_scores import CONTACT_PROBABILITY_MIN, ContactScores
from dice_ros.evaluation.mesh_errors import centred_error_mm, relative_error_mm, vertex_error_mm
from dice_ros.pipeline import Pipeline
from dice_ros.settings import Settings
from dice_ros.synthesis.studio import Category
from dice_ros.types import TouchDecision

PROTOTYPE = "prototype to beat: contact P 0-0.62, R 0-0.57, hand relative to face 7-65 mm"
RESULTS = Path(__file__).parent / "results"
_MOVED_M = 5e-4


@dataclass(frozen=True, slots=True, eq=False)
class FrameScore:
    """What one frame adds to the table; NaN where something was not found or not there."""

    category: Category
    gap_cm: float
    face_found: bool
    hand_there: bool
    hand_found: bool
    side_right: bool
    touch_said: bool
    face_mm: float = np.nan
    face_centred_mm: float = np.nan
    hand_relative_mm: float = np.nan
    hand_centred_mm: float = np.nan
    deformation_mm: float = np.nan
    deformation_true_mm: float = np.nan
    face_contact: ContactScores = field(default_factory=ContactScores)
    hand_contact: ContactScores = field(default_factory=ContactScores)
    log_ratio: float = np.nan
    depth_sigma: float = np.nan


class _Recording(TouchModel):
    """The touch decision, which also remembers what it was asked."""

    asked: list[tuple[float, float]] = []  # noqa: RUF012 - one for the process on purpose

    def probability(self, log_ratio: float, depth_sigma: float) -> float:
        self.asked.append((log_ratio, depth_sigma))
        return TouchModel.probability(self, log_ratio, depth_sigma)


@cache
def _pipeline() -> Pipeline:
    pipeline = Pipeline(require_assets(), Settings(network_threads=1))
    pipeline._estimator._touch_model = _Recording()  # the decision is what is measured here
    return pipeline


@cache
def _skin() -> np.ndarray:
    return OpenHead.load(require_assets() / "head.npz").exterior


def score_still(path: Path) -> FrameScore:
    """Score one picture, seen cold."""
    _pipeline().reset()
    return _score(path)


def score_clip(paths: list[Path]) -> list[FrameScore]:
    """Score a clip, tracked."""
    _pipeline().reset()
    return [_score(path) for path in paths]


def _score(path: Path) -> FrameScore:
    sample, skin = read(path), _skin()
    _Recording.asked.clear()
    people = _pipeline().process(sample.frame).interactions
    person = next((item for item in people if item.face is not None), None)
    hands = () if person is None else person.hands
    hand = next((item for item in hands if item.side is sample.side), None)
    asked = dict(zip((item.side for item in hands), _Recording.asked, strict=False))
    log_ratio, depth_sigma = asked.get(sample.side, (np.nan, np.nan))
    there = sample.side is not None
    said = any(item.touch is TouchDecision.CONTACT for item in hands)
    touching = sample.category is Category.TOUCHING
    face_mask = np.zeros(len(skin), bool)
    values: dict[str, float] = {}
    hand_scores = ContactScores(false_negative=int(sample.hand_contact.sum()) if touching else 0)
    if person is not None and person.face is not None:
        face = person.face
        found, true = face.vertices[skin], sample.vertices[skin]
        face_mask = face.contact >= CONTACT_PROBABILITY_MIN
        values["face_mm"] = float(vertex_error_mm(found, true))
        values["face_centred_mm"] = float(centred_error_mm(found, true))
        true_move = (sample.vertices - sample.undeformed)[skin]
        moved = np.linalg.norm(true_move, axis=1) > _MOVED_M
        if moved.any():
            values["deformation_mm"] = float(
                vertex_error_mm(face.deformation[skin][moved], true_move[moved])
            )
            values["deformation_true_mm"] = float(
                vertex_error_mm(true_move[moved], np.zeros_like(true_move[moved]))
            )
        if hand is not None:
            values["hand_relative_mm"] = float(
                relative_error_mm(hand.vertices, sample.hand_vertices, found, true)
            )
            values["hand_centred_mm"] = float(centred_error_mm(hand.vertices, sample.hand_vertices))
            hand_scores = ContactScores.count(
                hand.contact >= CONTACT_PROBABILITY_MIN, sample.hand_contact
            )
    return FrameScore(
        category=sample.category,
        gap_cm=0.0 if touching else 100.0 * sample.gap_m,
        face_found=person is not None,
        hand_there=there,
        hand_found=bool(hands) if there else False,
        side_right=hand is not None,
        touch_said=said,
        face_contact=ContactScores.count(face_mask, sample.contact),
        hand_contact=hand_scores,
        log_ratio=log_ratio,
        depth_sigma=depth_sigma,
        **values,
    )


def table(scores: list[FrameScore]) -> dict[str, object]:
    """Every figure of the table."""
    touching = [score for score in scores if score.category is Category.TOUCHING]
    hovering = [score for score in scores if score.category is Category.HOVERING]
    with_hand = [score for score in scores if score.hand_there]
    face = sum((score.face_contact for score in scores), ContactScores())
    hand = sum((score.hand_contact for score in scores), ContactScores())
    said = [score for score in scores if score.touch_said]
    by_gap: defaultdict[int, list[FrameScore]] = defaultdict(list)
    for score in hovering:
        by_gap[round(score.gap_cm)].append(score)
    return {
        "frames": len(scores),
        "face_found": _share(score.face_found for score in scores),
        "hand_found": _share(score.hand_found for score in with_hand),
        "hand_found_on_its_side": _share(score.side_right for score in with_hand),
        "face_vertex_error_mm": _spread(score.face_mm for score in scores),
        "face_vertex_error_centred_mm": _spread(score.face_centred_mm for score in scores),
        "hand_relative_to_face_mm": _spread(score.hand_relative_mm for score in touching),
        "hand_relative_to_face_hovering_mm": _spread(score.hand_relative_mm for score in hovering),
        "hand_centred_mm": _spread(score.hand_centred_mm for score in with_hand),
        "face_contact": _contact(face),
        "hand_contact": _contact(hand),
        "touch_recall": _share(score.touch_said for score in touching),
        "touch_precision": _share(score.category is Category.TOUCHING for score in said),
        "false_touch_by_gap_cm": {
            gap: {"frames": len(group), "share": _share(score.touch_said for score in group)}
            for gap, group in sorted(by_gap.items())
        },
        "false_touch_without_hand": _share(s.touch_said for s in scores if not s.hand_there),
        "deformation_error_mm": _spread(score.deformation_mm for score in touching),
        "deformation_true_mm": _spread(score.deformation_true_mm for score in touching),
    }


def fit_touch(scores: list[FrameScore]) -> TouchModel:
    """Logistic regression of touching on the log ratio in units of its uncertainty."""
    used = [score for score in scores if np.isfinite(score.log_ratio)]
    x = np.array([score.log_ratio for score in used])
    sigma = np.array([score.depth_sigma for score in used])
    y = np.array([score.category is Category.TOUCHING for score in used], dtype=float)
    best, best_loss = TouchModel(), np.inf
    for base in (0.02, 0.03, 0.05, 0.08):
        for gain in (0.0, 0.5, 1.0):
            z = x / np.hypot(base, gain * sigma)
            offset, slope = _newton(z, y)
            logit = offset - slope * z
            loss = float(np.mean(np.logaddexp(0.0, logit) - y * logit))
            if loss < best_loss and slope > 0:
                best_loss = loss
                best = TouchModel(offset, slope, base, gain)
    print(
        f"fitted on {len(used)} frames with overlap, {int(y.sum())} touching; loss {best_loss:.3f}"
    )
    for name in ("offset", "slope", "base_sigma", "sigma_gain"):
        print(f"    {name}: float = {getattr(best, name):.3g}")
    return best


def _newton(z: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    X = np.stack([np.ones_like(z), -z], axis=1)
    w = np.zeros(2)
    for _ in range(50):
        p = 1.0 / (1.0 + np.exp(-np.clip(X @ w, -30, 30)))
        H = X.T @ ((p * (1 - p))[:, None] * X) + 1e-3 * np.eye(2)
        w = w + np.linalg.solve(H, X.T @ (y - p) - 1e-3 * w)
    return float(w[0]), float(w[1])


def _share(values) -> float:
    found = list(values)
    return float(np.mean(found)) if found else float("nan")


def _spread(values) -> dict[str, float]:
    array = np.array(list(values), dtype=float)
    array = array[np.isfinite(array)]
    if not len(array):
        return {"n": 0}
    p50, p90 = np.percentile(array, [50, 90])
    return {"n": len(array), "mean": float(array.mean()), "p50": float(p50), "p90": float(p90)}


def _contact(scores: ContactScores) -> dict[str, float]:
    return {"precision": scores.precision, "recall": scores.recall, "f1": scores.f1}


def show(title: str, figures: dict[str, object]) -> None:
    """Print a table."""
    print(f"\n{title}")
    for name, value in figures.items():
        print(f"  {name:<36} {_words(value)}")


def _words(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, dict):
        return "  ".join(f"{key} {_words(item)}" for key, item in value.items())
    return str(value)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=200, help="of the test split")
    parser.add_argument("--sequences", type=int, default=4, help="short clips of the test split")
    parser.add_argument("--fit", type=int, metavar="N", help="fit the decision on N train frames")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument(
        "--json", type=Path, default=Path(__file__).parent / "results" / "truth.json"
    )
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    if options.fit:
        paths = load_frames("train", options.fit, options.jobs)
        with context.Pool(options.jobs) as pool:
            scores = list(tqdm(pool.imap(score_still, paths, 4), total=len(paths), desc="train"))
        show("train split, single pictures", table(scores))
        fit_touch(scores)
        return
    paths = load_frames("test", options.frames, options.jobs)
    clips = load_sequences("test", options.sequences, options.jobs)
    with context.Pool(options.jobs) as pool:
        stills = list(tqdm(pool.imap(score_still, paths, 4), total=len(paths), desc="test"))
        tracked = [score for clip in pool.map(score_clip, clips) for score in clip]
    figures = {"single_pictures": table(stills), "tracked_clips": table(tracked)}
    show("test split, single pictures", figures["single_pictures"])
    show("test split, tracked clips", figures["tracked_clips"])
    print(f"\n{PROTOTYPE}")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"machine": machine(), **figures}, indent=1)
    options.json.write_text(text.replace("NaN", "null") + "\n")
    print(f"wrote {options.json}")


if __name__ == "__main__":
    main()
