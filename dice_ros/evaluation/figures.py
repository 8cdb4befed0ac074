"""From frames to the table: pooled figures with confidence intervals.

Every figure is a function of sums over frames, so a resampled data set is a matrix product away.
Frames of a video resemble their neighbours; drawing single frames would make intervals far too
narrow. Runs of consecutive frames are drawn instead (a block bootstrap).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from dice_ros.evaluation.frame_score import FrameScore
from dice_ros.types import Float64Array

Sums = Mapping[str, Float64Array]


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How confidence intervals are made.

    Attributes:
        resamples: data sets drawn.
        seed: of the random numbers; the same seed gives the same intervals.
        run_length: frames that are drawn together.
        level: share of resamples within the interval.
    """

    resamples: int = 1000
    seed: int = 0
    run_length: int = 30
    level: float = 0.95


@dataclass(frozen=True, slots=True)
class Figure:
    """One cell of the table.

    Attributes:
        value: NaN if it is not defined.
        low, high: confidence interval; NaN with fewer than two runs of frames.
        count: frames (or vertices, or seconds' samples) that the figure rests on.
    """

    value: float
    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class Metric:
    """One column of the table.

    Attributes:
        key: name in JSON.
        title: for people.
        unit: ``mm``, ``%``, ``s`` or empty.
        compute: value from sums (R,) of :func:`frame_terms`.
        weight: the term that counts what the value rests on.
    """

    key: str
    title: str
    unit: str
    compute: Callable[[Sums], Float64Array]
    weight: str


def _ratio(top: str, bottom: str, scale: float = 1.0) -> Callable[[Sums], Float64Array]:
    return lambda sums: scale * _over(sums[top], sums[bottom])


def _over(top: Float64Array, bottom: Float64Array) -> Float64Array:
    return np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0)


def _f_score(sums: Sums) -> Float64Array:
    clear = 100.0 * _over(sums["clear"], sums["judged"])
    touched = 100.0 * _over(sums["touched"], sums["to_touch"])
    return _over(2.0 * clear * touched, clear + touched)


def _contact(part: str, kind: str) -> Callable[[Sums], Float64Array]:
    def compute(sums: Sums) -> Float64Array:
        hit, wrong = sums[f"{part}_true_positive"], sums[f"{part}_false_positive"]
        missed, right = sums[f"{part}_false_negative"], sums[f"{part}_true_negative"]
        every = hit + wrong + missed + right
        tops = {"precision": hit, "recall": hit, "accuracy": hit + right, "f1": 2.0 * hit}
        bottoms = {
            "precision": hit + wrong,
            "recall": hit + missed,
            "accuracy": every,
            "f1": 2.0 * hit + wrong + missed,
        }
        # Undefined counts as 0, as long as anything was judged.
        value = np.nan_to_num(_over(tops[kind], bottoms[kind]))
        return np.where(every > 0, value, np.nan)

    return compute


METRICS: tuple[Metric, ...] = (
    Metric("pve", "PVE", "mm", _ratio("pve_mm", "pve_mm#"), "pve_mm#"),
    Metric("mpjpe", "MPJPE", "mm", _ratio("mpjpe_mm", "mpjpe_mm#"), "mpjpe_mm#"),
    Metric("pa_mpjpe", "PA-MPJPE", "mm", _ratio("pa_mpjpe_mm", "pa_mpjpe_mm#"), "pa_mpjpe_mm#"),
    Metric(
        *("collision_distance", "Col. Dist.", "mm"),
        _ratio("collision_mm", "collision_mm#"),
        "collision_mm#",
    ),
    Metric("non_collision", "Non. Col.", "%", _ratio("clear", "judged", 100.0), "judged"),
    Metric("touchness", "Touchness", "%", _ratio("touched", "to_touch", 100.0), "to_touch"),
    Metric("f_score", "F-Score", "%", _f_score, "to_touch"),
    Metric("seconds", "s/image", "s", _ratio("seconds", "seconds#"), "seconds#"),
    Metric(
        *("deformation", "deformation error", "mm"),
        _ratio("deformation_mm", "deformation_mm#"),
        "deformation_mm#",
    ),
    Metric(
        *("strong_deformation", "where > 5 mm (L1)", "mm"),
        _ratio("strong_deformation_mm", "strong_vertices"),
        "strong_vertices",
    ),
    *(
        Metric(
            f"{part}_contact_{kind}",
            f"{part} contact {kind}",
            "",
            _contact(part, kind),
            f"{part}_true_positive#",
        )
        for part in ("face", "hand", "both", "presence")
        for kind in ("precision", "recall", "accuracy", "f1")
    ),
    Metric("found", "frames with a result", "%", _ratio("found", "found#", 100.0), "found#"),
)


def frame_terms(scores: Sequence[FrameScore]) -> dict[str, Float64Array]:
    """What is summed over frames: each column with NaN as 0, how often it is known, and ratios.

    Returns:
        (N,) float64 each; ``name#`` counts the frames in which ``name`` is known.
    """
    terms: dict[str, Float64Array] = {}
    columns: dict[str, Float64Array] = {}
    for item in fields(FrameScore)[3:]:
        values = np.array([getattr(score, item.name) for score in scores], dtype=np.float64)
        columns[item.name] = values
        terms[item.name] = np.nan_to_num(values)
        terms[f"{item.name}#"] = np.isfinite(values).astype(np.float64)
    terms["judged"] = terms["deep_vertices#"]
    terms["clear"] = (columns["deep_vertices"] == 0).astype(np.float64)
    to_touch = (columns["true_touching"] == 1) & np.isfinite(columns["touching"])
    terms["to_touch"] = to_touch.astype(np.float64)
    terms["touched"] = (to_touch & (columns["touching"] == 1)).astype(np.float64)
    for kind in ("true_positive", "false_positive", "false_negative", "true_negative"):
        terms[f"both_{kind}"] = terms[f"face_{kind}"] + terms[f"hand_{kind}"]
    terms["both_true_positive#"] = terms["face_true_positive#"]
    said, true = columns["presence_said"], columns["presence_true"]
    known = np.isfinite(said) & np.isfinite(true)
    terms["presence_true_positive#"] = known.astype(np.float64)
    for kind, one, other in (
        *(("true_positive", 1, 1), ("false_positive", 1, 0)),
        *(("false_negative", 0, 1), ("true_negative", 0, 0)),
    ):
        terms[f"presence_{kind}"] = (known & (said == one) & (true == other)).astype(np.float64)
    return terms


def figures(scores: Sequence[FrameScore], bootstrap: Bootstrap | None = None) -> dict[str, Figure]:
    """Every figure of the table, by key.

    Args:
        scores: at least one; order does not matter.
        bootstrap: how intervals are made.
    """
    how = bootstrap or Bootstrap()
    ordered = sorted(scores, key=lambda score: (score.subject, score.camera, score.frame))
    terms = frame_terms(ordered)
    names = list(terms)
    table = np.stack([terms[name] for name in names], axis=1)  # (N, K)
    starts = _run_starts(ordered, how.run_length)
    runs = np.add.reduceat(table, starts, axis=0)  # (B, K)
    drawn = np.random.default_rng(how.seed).multinomial(
        len(runs), np.full(len(runs), 1.0 / len(runs)), size=how.resamples
    )
    whole = dict(zip(names, table.sum(axis=0)[:, None], strict=True))
    resampled = dict(zip(names, (drawn @ runs).T, strict=True))
    tail = 50.0 * (1.0 - how.level)
    result = {}
    for metric in METRICS:
        value = float(metric.compute(whole)[0])
        low = high = float("nan")
        spread = metric.compute(resampled)
        spread = spread[np.isfinite(spread)]
        if len(runs) > 1 and np.isfinite(value) and len(spread):
            low, high = (float(edge) for edge in np.percentile(spread, [tail, 100.0 - tail]))
        result[metric.key] = Figure(value, low, high, int(whole[metric.weight][0]))
    return result


def figures_by_subject(
    scores: Sequence[FrameScore], bootstrap: Bootstrap | None = None
) -> dict[str, dict[str, Figure]]:
    """The same for each subject alone."""
    names = sorted({score.subject for score in scores})
    return {
        name: figures([score for score in scores if score.subject == name], bootstrap)
        for name in names
    }


def _run_starts(scores: Sequence[FrameScore], run_length: int) -> list[int]:
    """Where runs of frames begin: every ``run_length`` frames, and at every new video."""
    starts, begun = [], 0
    for row, score in enumerate(scores):
        video = (score.subject, score.camera)
        new = row == 0 or video != (scores[row - 1].subject, scores[row - 1].camera)
        if new or row - begun >= run_length:
            starts.append(row)
            begun = row
    return starts
