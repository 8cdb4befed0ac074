"""Rendered evaluation frames on disk: half a second each to make, so they are made once."""

from __future__ import annotations

import hashlib
import multiprocessing
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from dice_ros import body, synthesis
from dice_ros.assets.store import require_assets
from dice_ros.body.open_hand import OpenHand
from dice_ros.body.open_head import OpenHead
from dice_ros.camera import Camera
from dice_ros.synthesis.studio import Category, Studio
from dice_ros.synthesis.truth_set import TruthFrame, truth_frames, truth_sequence
from dice_ros.types import Frame, HandSide

CACHE = require_assets().parent / "truth"
SEQUENCE_LENGTH = 24


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One frame with the truth that is measured against; arrays as in FrameTruth."""

    frame: Frame
    category: Category
    undeformed: np.ndarray
    vertices: np.ndarray
    contact: np.ndarray
    side: HandSide | None
    hand_vertices: np.ndarray
    hand_contact: np.ndarray
    gap_m: float


def load_frames(split: str, count: int, jobs: int) -> list[Path]:
    """Paths of single frames, rendered first if they are not there."""
    folder = CACHE / _key() / split
    paths = [folder / f"{number:05d}.npz" for number in range(count)]
    todo = [(split, number, path) for number, path in enumerate(paths) if not path.exists()]
    _make(_make_frame, todo, jobs, f"render {split}")
    return paths


def load_sequences(split: str, count: int, jobs: int) -> list[list[Path]]:
    """Paths of the frames of short clips."""
    folder = CACHE / _key() / f"{split}-sequences"
    clips = [
        [folder / f"{number:03d}-{step:03d}.npz" for step in range(SEQUENCE_LENGTH)]
        for number in range(count)
    ]
    todo = [(split, number, clip) for number, clip in enumerate(clips) if not clip[-1].exists()]
    _make(_make_sequence, todo, jobs, f"render {split} sequences")
    return clips


def read(path: Path) -> Sample:
    """One stored frame."""
    with np.load(path, allow_pickle=False) as stored:
        image = cv2.cvtColor(cv2.imdecode(stored["png"], cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        height, width = image.shape[:2]
        side = str(stored["side"])
        return Sample(
            frame=Frame(image, int(stored["stamp"]), camera=Camera(stored["K"], width, height)),
            category=Category(str(stored["category"])),
            undeformed=stored["undeformed"],
            vertices=stored["vertices"],
            contact=stored["contact"],
            side=HandSide(side) if side else None,
            hand_vertices=stored["hand_vertices"],
            hand_contact=stored["hand_contact"],
            gap_m=float(stored["gap"]),
        )


def _make(function, todo: list, jobs: int, title: str) -> None:
    if not todo:
        return
    from tqdm import tqdm  # noqa: PLC0415

    context = multiprocessing.get_context("spawn")
    with context.Pool(jobs) as pool, tqdm(total=len(todo), desc=title) as bar:
        for _ in pool.imap_unordered(function, todo):
            bar.update()


def _make_frame(task: tuple[str, int, Path]) -> None:
    split, number, path = task
    (made,) = truth_frames(_studio(), split, 1, first=number)
    _write(path, made, 1_000_000_000)


def _make_sequence(task: tuple[str, int, list[Path]]) -> None:
    split, number, paths = task
    made = truth_sequence(_studio(), split, number, length=SEQUENCE_LENGTH)
    for step, (path, item) in enumerate(zip(paths, made, strict=True)):
        _write(path, item, 1_000_000_000 + step * 100_000_000)


_STUDIOS: list[Studio] = []


def _studio() -> Studio:
    if not _STUDIOS:
        assets = require_assets()
        head, hand = OpenHead.load(assets / "head.npz"), OpenHand.load(assets / "hand.npz")
        _STUDIOS.append(Studio(head, hand))
    return _STUDIOS[0]


def _write(path: Path, made: TruthFrame, stamp_ns: int) -> None:
    frame, truth = made.frame, made.truth
    hand = truth.hands[0] if truth.hands else None
    png = cv2.imencode(".png", cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR))[1]
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.npz")
    np.savez(
        partial,
        png=png,
        stamp=stamp_ns,
        K=frame.camera.K,
        category=truth.category.value,
        undeformed=truth.undeformed,
        vertices=truth.vertices,
        contact=truth.contact,
        side="" if hand is None else hand.state.side.value,
        hand_vertices=np.zeros((0, 3), np.float32) if hand is None else hand.vertices,
        hand_contact=np.zeros(0, bool) if hand is None else hand.contact,
        gap=np.nan if hand is None else hand.gap,
    )
    partial.rename(path)


def _key() -> str:
    """Digest of everything the frames are made from."""
    digest = hashlib.sha256()
    for package in (synthesis, body):
        for folder in package.__path__:
            for source in sorted(Path(folder).glob("*.py")):
                digest.update(source.read_bytes())
    for name in ("head.npz", "hand.npz"):
        digest.update((require_assets() / name).read_bytes())
    return digest.hexdigest()[:16]
