"""The README's accuracy and latency tables from ``bench/results``: prints Markdown."""

from __future__ import annotations

import json
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def accuracy() -> str:
    """Tables of ``truth.json``."""
    truth = json.loads((RESULTS / "truth.json").read_text())
    stills, clips = truth["single_pictures"], truth["tracked_clips"]

    def row(title: str, write) -> str:
        return f"| {title} | {write(stills)} | {write(clips)} |"

    def spread(name: str):
        return lambda t: f"{t[name]['p50']:.1f} / {t[name]['p90']:.1f}" if t[name]["n"] else "-"

    def contact(name: str):
        return lambda t: " / ".join(f"{t[name][key]:.2f}" for key in ("precision", "recall", "f1"))

    lines = [
        f"| | {stills['frames']} single pictures | {clips['frames']} frames of tracked clips |",
        "|---|---|---|",
        row("face found", lambda t: percent(t["face_found"])),
        row("hand found", lambda t: percent(t["hand_found"])),
        row("hand found, with its side", lambda t: percent(t["hand_found_on_its_side"])),
        row("face vertex error, mm p50 / p90", spread("face_vertex_error_mm")),
        row("the same, centred", spread("face_vertex_error_centred_mm")),
        row("hand relative to face, touching, mm", spread("hand_relative_to_face_mm")),
        row("hand relative to face, hovering, mm", spread("hand_relative_to_face_hovering_mm")),
        row("hand centred, mm", spread("hand_centred_mm")),
        row("face contact vertices, P / R / F1", contact("face_contact")),
        row("hand contact vertices, P / R / F1", contact("hand_contact")),
        row("touch or not, precision", lambda t: f"{t['touch_precision']:.2f}"),
        row("touch or not, recall", lambda t: f"{t['touch_recall']:.2f}"),
        row("deformation error where skin moved, mm", spread("deformation_error_mm")),
        row("true deformation there, mm", spread("deformation_true_mm")),
        "",
    ]
    gaps = stills["false_touch_by_gap_cm"]
    shares = [percent(gap["share"]) for gap in gaps.values()]
    lines += [
        "| gap between hand and face | " + " | ".join(f"{gap} cm" for gap in gaps) + " | no hand |",
        "|---" * (len(gaps) + 2) + "|",
        "| said to touch (single pictures) | "
        + " | ".join([*shares, percent(stills["false_touch_without_hand"])])
        + " |",
    ]
    return "\n".join(lines) + "\n"


def latency() -> str:
    """Table of ``latency.json``."""
    stages = json.loads((RESULTS / "latency.json").read_text())["stages_ms"]
    names = dict.fromkeys(name for column in stages.values() for name in column)
    lines = ["| ms, p50 / p99 | " + " | ".join(stages) + " |", "|---" * (len(stages) + 1) + "|"]
    for name in names:
        cells = [
            f"{column[name]['p50']:.1f} / {column[name]['p99']:.1f}" if name in column else "-"
            for column in stages.values()
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def percent(share: float) -> str:
    """A share as a percentage."""
    return f"{100 * share:.0f} %"


if __name__ == "__main__":
    print(accuracy())
    print(latency())
