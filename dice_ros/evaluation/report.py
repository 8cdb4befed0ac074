"""The table for people and the same as plain values for JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence

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


def report_text(
    method: str, pooled: Figures, by_subject: dict[str, Figures], notes: Sequence[str]
) -> str:
    """Our figures beside the published ones, then the rest."""
    lines = [_head(_MAIN)]
    lines += [_published(row, _MAIN) for row in PUBLISHED]
    lines += ["", _ours(method, pooled, _MAIN), _intervals(pooled, _MAIN)]
    lines += [_ours(f"  {name}", figures, _MAIN) for name, figures in by_subject.items()]
    lines += ["", _head(_CONTACT)]
    lines += [_published(row, _CONTACT) for row in PUBLISHED_CONTACT]
    lines += [_ours(method, pooled, _CONTACT), ""]
    for metric in METRICS[len(_MAIN) :]:
        figure = pooled[metric.key]
        if math.isfinite(figure.value):
            title = f"{metric.title} [{metric.unit}]" if metric.unit else metric.title
            lines.append(
                f"{title:<32} {figure.value:9.4g}   95 % {figure.low:.4g} to {figure.high:.4g}"
            )
    lines += ["", *(f"note: {note}" for note in notes)]
    lines += [f"? {row.method}: {why}" for row in PUBLISHED for why in row.doubtful.values()]
    sources = sorted({row.source for row in (*PUBLISHED, *PUBLISHED_CONTACT)})
    lines += [f"published: {source}" for source in sources]
    return "\n".join(line.rstrip() for line in lines)


def report_values(
    method: str, pooled: Figures, by_subject: dict[str, Figures], notes: Sequence[str]
) -> dict[str, object]:
    """Everything, for JSON; undefined figures are None."""
    return {
        "method": method,
        "figures": _values(pooled),
        "subjects": {name: _values(figures) for name, figures in by_subject.items()},
        "notes": list(notes),
        "published": [
            {
                "method": row.method,
                "kind": row.kind,
                "values": row.values,
                "source": row.source,
                "doubtful": row.doubtful,
            }
            for row in (*PUBLISHED, *PUBLISHED_CONTACT)
        ],
    }


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
