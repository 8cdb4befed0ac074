"""The table for people and the same as plain values for JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from dice_ros.evaluation.figures import METRICS, Figure, Metric
from dice_ros.evaluation.published_table import PUBLISHED, PUBLISHED_CONTACT, PublishedRow

Figures = dict[str, Figure]
_MAIN = METRICS[:8]
_CONTACT = tuple(
    metric
    for metric in METRICS
    if metric.key in ("face_contact_f1", "face_contact_recall", "hand_contact_f1")
)
_WIDTH = 27


@dataclass(frozen=True, slots=True)
class Judged:
    """A method with its figures.

    Attributes:
        method: its name.
        frames: how many were judged.
        pooled: figures over all frames.
        by_subject: figures of each subject.
        notes: what to know about them.
    """

    method: str
    frames: int
    pooled: Figures
    by_subject: dict[str, Figures]
    notes: tuple[str, ...]


def report_text(judged: Sequence[Judged]) -> str:
    """Our figures beside the published ones, then the rest."""
    lines = [_head(_MAIN), *(_published(row, _MAIN) for row in PUBLISHED)]
    for item in judged:
        lines += ["", _ours(item.method, item.pooled, _MAIN), _intervals(item.pooled, _MAIN)]
        lines += [_ours(f"  {name}", each, _MAIN) for name, each in item.by_subject.items()]
    lines += ["", _head(_CONTACT), *(_published(row, _CONTACT) for row in PUBLISHED_CONTACT)]
    lines += [_ours(item.method, item.pooled, _CONTACT) for item in judged]
    for item in judged:
        lines += ["", f"{item.method}: {item.frames} frames", *_others(item.pooled)]
        lines += [f"note: {note}" for note in item.notes]
    lines += [""]
    lines += [f"? {row.method}: {why}" for row in PUBLISHED for why in row.doubtful.values()]
    sources = sorted({row.source for row in (*PUBLISHED, *PUBLISHED_CONTACT)})
    lines += [f"published: {source}" for source in sources]
    return "\n".join(line.rstrip() for line in lines)


def report_values(judged: Judged) -> dict[str, object]:
    """Everything about one method, for JSON; undefined figures are None."""
    return {
        "method": judged.method,
        "frames": judged.frames,
        "figures": _values(judged.pooled),
        "subjects": {name: _values(each) for name, each in judged.by_subject.items()},
        "notes": list(judged.notes),
        "published": [asdict(row) for row in (*PUBLISHED, *PUBLISHED_CONTACT)],
    }


def _others(figures: Figures) -> list[str]:
    """A line for each defined figure that has no column."""
    lines = []
    for metric in METRICS[len(_MAIN) :]:
        figure = figures[metric.key]
        if not math.isfinite(figure.value):
            continue
        title = f"{metric.title} [{metric.unit}]" if metric.unit else metric.title
        known = math.isfinite(figure.low)
        interval = f"   95 % {figure.low:.4g} to {figure.high:.4g}" if known else ""
        lines.append(f"{title:<32} {figure.value:9.4g}{interval}")
    return lines


def _values(figures: Figures) -> dict[str, dict[str, object]]:
    return {
        metric.key: {
            "value": _number(figures[metric.key].value),
            "low": _number(figures[metric.key].low),
            "high": _number(figures[metric.key].high),
            "count": figures[metric.key].count,
            "unit": metric.unit,
        }
        for metric in METRICS
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _head(metrics: Sequence[Metric]) -> str:
    cells = "".join(f"{_title(metric):>14}" for metric in metrics)
    return f"{'':<{_WIDTH}}{cells}"


def _title(metric: Metric) -> str:
    short = metric.title.replace(" contact", "")
    return f"{short} {metric.unit}" if metric.unit in ("mm", "%") else short


def _published(row: PublishedRow, metrics: Sequence[Metric]) -> str:
    cells = []
    for metric in metrics:
        mark = "?" if metric.key in row.doubtful else " "
        value = row.values.get(metric.key)
        cells.append(f"{'-' if value is None else f'{value:.4g}':>13}{mark}")
    return f"{row.method:<{_WIDTH}}" + "".join(cells)


def _ours(name: str, figures: Figures, metrics: Sequence[Metric]) -> str:
    cells = []
    for metric in metrics:
        value = figures[metric.key].value
        cells.append(f"{f'{value:.4g}' if math.isfinite(value) else 'n/a':>13} ")
    return f"{name[: _WIDTH - 1]:<{_WIDTH}}" + "".join(cells)


def _intervals(figures: Figures, metrics: Sequence[Metric]) -> str:
    cells = []
    for metric in metrics:
        figure = figures[metric.key]
        known = math.isfinite(figure.low)
        cells.append(f"{f'{figure.low:.3g}-{figure.high:.3g}' if known else '':>13} ")
    return f"{'  95 % interval':<{_WIDTH}}" + "".join(cells)
