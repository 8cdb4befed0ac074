"""What the demonstration found: overlay pictures, a comparison with the truth, a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from dice_ros.cli.demo_clip_cache import INPUT_NAME, TRUTH_NAME
from dice_ros.cli.run import write_picture
from dice_ros.render.overlay import OverlayRenderer
from dice_ros.replay.open_source import open_source
from dice_ros.replay.results_reader import read_interactions, read_topologies
from dice_ros.replay.run_summary import RunSummary
from dice_ros.types import Interaction, TouchDecision

RESULTS_NAME = "results.mcap"
_OVERLAYS = 14


def report(folder: Path, sent: int) -> str:
    """Draw the overlays and return the text for the terminal."""
    results = list(read_interactions(folder / RESULTS_NAME))
    found: dict[int, Interaction] = {item.stamp_ns: item for item in results if item is not None}
    summary = _summary(results)
    with np.load(folder / TRUTH_NAME) as truth:
        stamps, labels = truth["stamp_ns"], [str(label) for label in truth["label"]]
        touching = [str(category) == "touching" for category in truth["category"]]
    pictures = _draw(folder, found, set(_spread(stamps, labels)))
    lines = [
        "wrote",
        f"  {folder / INPUT_NAME}    the camera: {sent} images and their calibration",
        f"  {folder / TRUTH_NAME}     the exact truth about them",
        f"  {folder / RESULTS_NAME}  what the node said",
        f"  {folder / 'overlays'}/      {pictures} pictures",
        "",
        f"images sent {sent}, answered {summary.frames}",
        summary.table(),
        "",
        "against the truth (touch as decided by the node)",
        *_phases(stamps, labels, touching, found),
        "",
        "Contacts and depths of landmark_fit are inferred from sizes and landmarks, not measured.",
    ]
    return "\n".join(lines) + "\n"


def _summary(results: Iterable[Interaction | None]) -> RunSummary:
    summary = RunSummary()
    for item in results:
        if item is None:
            summary.add_counts(faces=0, hands=0, touches=0, stages={})
            continue
        summary.add_counts(
            faces=int(item.face is not None),
            hands=len(item.hands),
            touches=sum(hand.touch is TouchDecision.CONTACT for hand in item.hands),
            stages={timing.stage: timing.duration_ms for timing in item.timings},
        )
    return summary


def _spread(stamps: np.ndarray, labels: list[str]) -> list[int]:
    """Stamps of pictures worth a look: the middle of every phase, then evenly spread ones."""
    chosen = []
    start = 0
    for end in range(1, len(labels) + 1):
        if end == len(labels) or labels[end] != labels[start]:
            chosen.append(int(stamps[(start + end) // 2]))
            start = end
    step = max(1, len(stamps) // max(1, _OVERLAYS - len(chosen)))
    chosen += [int(stamp) for stamp in stamps[step // 2 :: step]]
    return chosen[:_OVERLAYS] if len(chosen) > _OVERLAYS else chosen


def _draw(folder: Path, found: dict[int, Interaction], chosen: set[int]) -> int:
    renderer = OverlayRenderer(tuple(read_topologies(folder / RESULTS_NAME).values()))
    for old in (folder / "overlays").glob("*.png"):
        old.unlink()
    drawn = 0
    with open_source(str(folder / INPUT_NAME)) as source:
        for frame in source:
            if frame.stamp_ns not in chosen or frame.stamp_ns not in found:
                continue
            picture = renderer.draw(frame, [found[frame.stamp_ns]])
            write_picture(folder / "overlays" / f"frame_{frame.index:04d}.png", picture)
            drawn += 1
    return drawn


def _phases(
    stamps: np.ndarray, labels: list[str], touching: list[bool], found: dict[int, Interaction]
) -> list[str]:
    """One line per phase: how many of its frames touch, and how many the node said touch."""
    true: defaultdict[str, int] = defaultdict(int)
    said: defaultdict[str, int] = defaultdict(int)
    frames: defaultdict[str, int] = defaultdict(int)
    for stamp, label, touch in zip(stamps.tolist(), labels, touching, strict=True):
        frames[label] += 1
        true[label] += touch
        item = found.get(stamp)
        said[label] += item is not None and any(
            hand.touch is TouchDecision.CONTACT for hand in item.hands
        )
    lines = [f"{'phase':<28} {'frames':>7} {'touching':>9} {'said':>6}"]
    lines += [f"{name:<28} {frames[name]:>7} {true[name]:>9} {said[name]:>6}" for name in frames]
    return lines
