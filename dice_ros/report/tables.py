"""Tables of a summary: regions, hand parts, hands, transitions, intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from dice_ros.events.touch_list import TouchList
from dice_ros.events.touch_summary import RegionTransition, TouchSummary, TouchTally
from dice_ros.report.recording import Recording
from dice_ros.report.wording import colour_of, duration, share, words

_ACCENT = "var(--accent)"
_INTERVAL_EDGES_S = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, np.inf)
_LEFT, _RIGHT = "var(--accent)", "color-mix(in srgb, var(--accent) 38%, var(--soft))"


def tally_table(
    name: str, title: str, tallies: Sequence[TouchTally], *, coloured: bool = False
) -> str:
    """One row for each region or part, with a bar for the time there."""
    most = max((tally.dwell_s for tally in tallies), default=0.0) or 1.0
    rows = []
    for tally in tallies:
        colour = colour_of(tally.name) if coloured else _ACCENT
        swatch = f'<i class="swatch" style="background:{colour}"></i>' if coloured else ""
        rows.append(
            f'<tr data-name="{escape(tally.name)}"><td>{swatch}{escape(words(tally.name))}</td>'
            f'<td class="n">{tally.touches}</td><td class="n">{tally.touches_per_hour:.0f}</td>'
            f'<td class="n" data-value="{tally.dwell_s:.3f}">{tally.dwell_s:.1f}</td>'
            f'<td class="grow"><i class="bar" style="width:{100 * tally.dwell_s / most:.1f}%;'
            f'background:{colour}"></i></td></tr>'
        )
    head = (
        f'<th>{title}</th><th class="n">touches</th><th class="n">an hour</th>'
        '<th class="n">seconds</th><th></th>'
    )
    return _table(name, head, rows)


def hand_preference(summary: TouchSummary) -> str:
    """Two bars: how often and how long each hand touched."""
    left, right = summary.by_side
    bars = [
        _split("touches", left.touches, right.touches, f"{left.touches}", f"{right.touches}"),
        _split(
            "time", left.dwell_s, right.dwell_s, duration(left.dwell_s), duration(right.dwell_s)
        ),
    ]
    return "".join(bars) + tally_table("by-side", "hand", summary.by_side)


def _split(title: str, left: float, right: float, left_text: str, right_text: str) -> str:
    total = left + right
    if total <= 0:
        return ""
    return (
        f"<h3>{title}</h3><div class='split'>"
        f"<i style='width:{100 * left / total:.2f}%;background:{_LEFT}'></i>"
        f"<i style='width:{100 * right / total:.2f}%;background:{_RIGHT}'></i></div>"
        f"<div class='ramp-ends split-ends'><span>left {left_text} ({share(left, total)})</span>"
        f"<span>right {right_text} ({share(right, total)})</span></div>"
    )


def transition_table(transitions: Sequence[RegionTransition]) -> str:
    """From row to column: slides within a touch and successions of touches, added."""
    if not transitions:
        return '<p class="quiet">No region followed another.</p>'
    known = {(item.before, item.after): item for item in transitions}
    names = list(dict.fromkeys(name for item in transitions for name in (item.before, item.after)))
    most = max(item.slides + item.successions for item in transitions)
    head = "<th>from \\ to</th>" + "".join(f"<th>{escape(words(name))}</th>" for name in names)
    rows = []
    for before in names:
        cells = "".join(_cell(known.get((before, after)), most) for after in names)
        rows.append(f"<tr><th>{escape(words(before))}</th>{cells}</tr>")
    return _table("transitions", head, rows, kind="matrix")


def _cell(item: RegionTransition | None, most: int) -> str:
    if item is None:
        return '<td class="zero">&middot;</td>'
    count = item.slides + item.successions
    tint = 12 + round(58 * count / most)
    title = f"{item.slides} within a touch, {item.successions} from one touch to the next"
    return (
        f'<td title="{title}" style="background:color-mix(in srgb, var(--accent) {tint}%, '
        f'transparent)">{count}</td>'
    )


def interval_table(intervals_s: Sequence[float]) -> str:
    """How long it took from one touch to the same person's next one."""
    if not intervals_s:
        return '<p class="quiet">There are none: nobody touched twice.</p>'
    counts = np.histogram(intervals_s, bins=_INTERVAL_EDGES_S)[0]
    rows = []
    for start, end, count in zip(_INTERVAL_EDGES_S, _INTERVAL_EDGES_S[1:], counts, strict=False):
        label = f"{start:g} to {end:g} s" if np.isfinite(end) else f"longer than {start:g} s"
        rows.append(
            f'<tr><td>{label}</td><td class="n">{count}</td><td class="grow"><i class="bar" '
            f'style="width:{100 * count / max(counts.max(), 1):.1f}%;background:{_ACCENT};'
            f'{"" if count else "visibility:hidden"}"></i></td></tr>'
        )
    low, middle, high = (duration(float(x)) for x in np.percentile(intervals_s, [25, 50, 75]))
    between = f"; half of them are between {low} and {high}" if len(intervals_s) > 3 else ""
    head = '<th>pause</th><th class="n">times</th><th></th>'
    return f'<p class="quiet">Median {middle}{between}.</p>' + _table("intervals", head, rows)


def recording_table(recordings: Sequence[Recording]) -> str:
    """One row for each recording."""
    rows = []
    for item in recordings:
        seconds = item.observed.face_ns * 1e-9
        count = len(item.touches.touches)
        dwell = sum(touch.duration_s for touch in item.touches.touches)
        hourly = f"{3600 * count / seconds:.0f}" if seconds > 0 else "-"
        rows.append(
            f"<tr><td>{escape(item.touches.name)}</td><td>{escape(item.touches.start_text)}</td>"
            f'<td class="n">{duration(item.touches.seconds(item.touches.end_ns))}</td>'
            f'<td class="n">{duration(seconds)}</td><td class="n">{count}</td>'
            f'<td class="n">{hourly}</td><td class="n">{dwell:.1f}</td></tr>'
        )
    numbers = ("length", "face seen", "touches", "an hour", "seconds")
    head = "<th>recording</th><th>start</th>" + "".join(
        f'<th class="n">{title}</th>' for title in numbers
    )
    return _table("recordings", head, rows)


def touch_table(lists: Iterable[TouchList]) -> str:
    """Every touch."""
    rows = []
    for touches in lists:
        for touch in touches.touches:
            colour = colour_of(touch.face_region)
            rows.append(
                f'<tr><td class="n">{touch.touch_id}</td>'
                f'<td class="n">{touches.seconds(touch.start_ns):.2f}</td>'
                f'<td class="n">{touch.duration_s:.2f}</td><td>{touch.side.value}</td>'
                f"<td>{escape(words(touch.hand_part))}</td><td><i class='swatch' style="
                f"'background:{colour}'></i>{escape(words(touch.face_region))}</td>"
                f'<td class="n">{touch.peak_depth_mm:.1f}</td>'
                f'<td class="n">{touch.peak_area_mm2:.0f}</td>'
                f'<td class="n">{touch.confidence:.2f}</td>'
                f"<td>{escape(words(touch.end.value)) if touch.end else ''}</td></tr>"
            )
    head = (
        '<th class="n">touch</th><th class="n">start s</th><th class="n">for s</th><th>hand</th>'
        '<th>part</th><th>region</th><th class="n">depth mm</th><th class="n">area mm²</th>'
        '<th class="n">confidence</th><th>ended</th>'
    )
    return _table("touches", head, rows)


def _table(name: str, head: str, rows: Sequence[str], kind: str = "") -> str:
    return (
        f'<div class="wide"><table id="{name}" class="{kind}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
