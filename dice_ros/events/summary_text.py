"""Touches and what they amount to, in a few lines for people."""

from __future__ import annotations

from dice_ros.events.touch_list import TouchList
from dice_ros.events.touch_summary import TouchSummary, TouchTally

_LISTED = 20
_RANKED = 8


def summary_text(touches: TouchList, summary: TouchSummary) -> str:
    """A list of touches, then regions, hands, intervals and transitions."""
    seconds = touches.seconds(touches.end_ns)
    lines = [
        f"{touches.name}: {seconds:.1f} s from {touches.start_text}, faces seen for "
        f"{summary.observed_s:.1f} s",
        _headline(summary),
    ]
    for touch in touches.touches[:_LISTED]:
        start_s = touches.seconds(touch.start_ns)
        regions = list(dict.fromkeys(place.face_region for place in touch.path))
        lines.append(
            f"  {start_s:8.2f} s  {touch.duration_s:6.2f} s  {touch.side.value:5} "
            f"{touch.hand_part:14} on {' > '.join(regions):24} {touch.peak_depth_mm:4.1f} mm  "
            f"confidence {touch.confidence:.2f}  {touch.end.value if touch.end else ''}"
        )
    if len(touches.touches) > _LISTED:
        lines.append(f"  ... and {len(touches.touches) - _LISTED} more")
    if not summary.touches:
        return "\n".join(lines)
    lines += ["", *_ranking("face region", summary.by_region)]
    lines += ["", *_ranking("hand", summary.by_side)]
    if summary.intervals_s:
        ordered = sorted(summary.intervals_s)
        middle = ordered[len(ordered) // 2]
        lines += ["", f"between touches: {ordered[0]:.1f} s, median {middle:.1f} s, "
                  f"{ordered[-1]:.1f} s at most"]  # fmt: skip
    if summary.transitions:
        lines += ["", "from             to               slides  next touches"]
        lines += [
            f"{item.before:16} {item.after:16} {item.slides:6d}  {item.successions:12d}"
            for item in summary.transitions[:_RANKED]
        ]
    return "\n".join(lines)


def _headline(summary: TouchSummary) -> str:
    if not summary.touches:
        return "no touch"
    noun = "touch" if summary.touches == 1 else "touches"
    people = "person" if summary.persons == 1 else "persons"
    return (
        f"{summary.touches} {noun} of {summary.persons} {people}, "
        f"{summary.touches_per_hour:.0f} an hour, {summary.dwell_s:.1f} s together"
    )


def _ranking(title: str, tallies: tuple[TouchTally, ...]) -> list[str]:
    lines = [f"{title:16} touches  an hour       s"]
    lines += [
        f"{tally.name:16} {tally.touches:7d}  {tally.touches_per_hour:7.0f}  {tally.dwell_s:6.2f}"
        for tally in tallies[:_RANKED]
    ]
    return lines
