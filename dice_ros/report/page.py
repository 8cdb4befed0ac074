"""The report: one HTML file that needs no network, from recordings and their touches."""

from __future__ import annotations

import base64
import dataclasses
import re
import tempfile
from collections.abc import Sequence
from html import escape
from importlib.util import find_spec
from pathlib import Path

import cv2

from dice_ros import __version__
from dice_ros.events.observed_time import ObservedTime
from dice_ros.events.parquet_file import write_parquet
from dice_ros.events.touch_event import TouchEvent
from dice_ros.events.touch_list import TouchList
from dice_ros.events.touch_statistics import summarise_touches
from dice_ros.events.touch_summary import TouchSummary
from dice_ros.events.touch_table import csv_text
from dice_ros.render.region_palette import FACE_FAMILIES
from dice_ros.report.dwell_map import SCALE_COLOURS, DwellMap, draw_dwell_map
from dice_ros.report.honest_notes import notes
from dice_ros.report.overlay_pictures import OverlayPictures
from dice_ros.report.page_script import SCRIPT
from dice_ros.report.page_style import STYLE
from dice_ros.report.recording import Recording
from dice_ros.report.tables import (
    hand_preference,
    interval_table,
    recording_table,
    tally_table,
    touch_table,
    transition_table,
)
from dice_ros.report.timeline import Timelines
from dice_ros.report.wording import counted, duration, share


def report_page(
    recordings: Sequence[Recording], dwell: DwellMap | None, overlays: Path | None = None
) -> str:
    """HTML of the report.

    Args:
        recordings: at least one.
        dwell: where faces were touched for how long; None if no face was seen.
        overlays: folder of overlay pictures; None looks beside each recording.
    """
    summary = summary_of(recordings)
    title = ", ".join(dict.fromkeys(item.path.name for item in recordings))
    timelines = Timelines()
    bodies = [
        _header(recordings, title),
        _figures(summary),
        _notes(recordings),
        _timelines(recordings, timelines, overlays),
        _heads(dwell),
        _places(summary),
        _hands(summary),
        _order(summary),
        _list(recordings),
        f"<footer>Made by dice_ros {__version__}. Left and right are the person's own.</footer>",
        timelines.stored_pictures(),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>Touches of the face: {escape(title)}</title>'
        f"<style>{STYLE}</style></head><body><main>{''.join(bodies)}</main>"
        f'<div id="tip" role="tooltip"></div><script>{SCRIPT}</script></body></html>\n'
    )


def summary_of(recordings: Sequence[Recording]) -> TouchSummary:
    """All recordings together; a person is another one in each of them."""
    events: list[TouchEvent] = []
    persons: dict[tuple[int, int], int] = {}
    for number, item in enumerate(recordings):
        for touch in sorted(item.touches.touches, key=lambda known: known.end_ns or 0):
            person = persons.setdefault((number, touch.person_id), len(persons))
            events.append(dataclasses.replace(touch, person_id=person))
    watched = [item.observed for item in recordings]
    observed = ObservedTime(
        min(item.start_ns for item in watched),
        max(item.end_ns for item in watched),
        sum(item.face_ns for item in watched),
    )
    return summarise_touches(events, observed)


def _header(recordings: Sequence[Recording], title: str) -> str:
    first = min(recordings, key=lambda item: item.observed.start_ns).touches.start_text
    length = sum(item.touches.seconds(item.touches.end_ns) for item in recordings)
    return (
        f"<h1>Touches of the face</h1><p class='quiet'>{escape(title)} &middot; "
        f"{counted(len(recordings), 'recording')}, {duration(length)}, from {escape(first)}</p>"
    )


def _figures(summary: TouchSummary) -> str:
    left, right = summary.by_side
    items = [
        ("touches", str(summary.touches), "touches"),
        ("per-hour", f"{summary.touches_per_hour:.0f}", "touches an hour"),
        ("dwell", duration(summary.dwell_s), "touching, all together"),
        ("dwell-share", share(summary.dwell_s, summary.observed_s), "of the observed time"),
        ("observed", duration(summary.observed_s), "a face was seen"),
        ("sides", f"{left.touches} : {right.touches}", "left : right hand"),
    ]
    boxes = (
        f'<div class="figure"><b id="figure-{name}">{escape(value)}</b><span>{text}</span></div>'
        for name, value, text in items
    )
    return f'<div class="figures">{"".join(boxes)}</div>'


def _notes(recordings: Sequence[Recording]) -> str:
    items = "".join(f"<li>{escape(text)}</li>" for text in notes(recordings))
    table = recording_table(recordings) if len(recordings) > 1 else ""
    return (
        f'<div class="card notes"><b>Before you quote a number</b><ul id="notes">{items}</ul></div>'
        f"{table}"
    )


def _timelines(recordings: Sequence[Recording], timelines: Timelines, overlays: Path | None) -> str:
    legend = "".join(
        f'<span><i style="background:{family.colour}"></i>{family.title}</span>'
        for family in FACE_FAMILIES
    )
    parts = [
        "<h2>When</h2><p class='quiet'>Each bar is a touch; its colours are the regions it went "
        f"along.</p><div class='legend'>{legend}</div>"
    ]
    for item in recordings:
        heading = f"<h3>{escape(item.touches.name)}</h3>" if len(recordings) > 1 else ""
        if not item.touches.touches:
            parts.append(f"{heading}<p class='quiet'>No touch.</p>")
            continue
        pictures = OverlayPictures(item, overlays)
        parts.append(
            f'{heading}<div class="card">{timelines.timeline(item.touches, pictures)}</div>'
        )
    return "".join(parts)


def _heads(dwell: DwellMap | None) -> str:
    heading = "<h2>Where</h2>"
    if dwell is None:
        return f"{heading}<p class='quiet'>No face was seen.</p>"
    figures = "".join(
        f'<figure><img alt="heat map, {title}" src="{_png(picture)}">'
        f"<figcaption>{title}</figcaption></figure>"
        for title, picture in draw_dwell_map(dwell).items()
    )
    longest = float(dwell.dwell_s.max())
    ramp = ", ".join(SCALE_COLOURS)
    return (
        f"{heading}<p class='quiet'>Seconds during which each point of the skin was touched, on "
        "the mean of the heads that were seen. Contacts too short for a touch count, too.</p>"
        f'<div class="card"><div class="heads">{figures}</div>'
        f'<div class="ramp" style="background:linear-gradient(to right, {ramp})"></div>'
        f'<div class="ramp-ends"><span>never</span><span id="longest">{duration(longest)}</span>'
        "</div></div>"
    )


def _places(summary: TouchSummary) -> str:
    regions = tally_table("by-region", "face region", summary.by_region, coloured=True)
    parts = tally_table("by-part", "hand part", summary.by_part)
    return (
        "<p class='quiet'>A touch that slides over two regions counts in both; seconds add up.</p>"
        f'<div class="columns"><div class="card">{regions}</div>'
        f'<div class="card">{parts}</div></div>'
    )


def _hands(summary: TouchSummary) -> str:
    return (
        '<h2>With which hand, and how often</h2><div class="columns">'
        f'<div class="card"><h3>Hand preference</h3>{hand_preference(summary)}</div>'
        '<div class="card"><h3>From one touch to the next</h3>'
        f"{interval_table(summary.intervals_s)}</div></div>"
    )


def _order(summary: TouchSummary) -> str:
    return (
        "<h2>In which order</h2><p class='quiet'>How often a region (row) was followed by another "
        "(column): within a touch that slides, or by the same person's next touch.</p>"
        f'<div class="card">{transition_table(summary.transitions)}</div>'
    )


def _file_stem(name: str) -> str:
    """``my clip.mcap camera 1`` -> ``my_clip_camera_1``: one file name a recording."""
    return "_".join(re.sub(r"\.mcap\b", "", name).replace("/", " ").split())


def _list(recordings: Sequence[Recording]) -> str:
    lists = [item.touches for item in recordings]
    count = sum(len(touches.touches) for touches in lists)
    table = _data_uri("text/csv;charset=utf-8", _csv(lists))
    links = [f'<a id="csv" download="touches.csv" href="{table}">CSV</a>']
    if find_spec("pyarrow") is not None:
        links += [
            f'<a download="{escape(_file_stem(touches.name))}.parquet" href="'
            f'{_data_uri("application/vnd.apache.parquet", _parquet(touches))}">Parquet'
            f"{f' ({escape(touches.name)})' if len(lists) > 1 else ''}</a>"
            for touches in lists
        ]
    return (
        f'<h2>All touches</h2><p class="downloads">Download: {"".join(links)}</p>'
        f"<details{' open' if count <= 40 else ''}><summary>{counted(count, 'touch', 'touches')}"
        f'</summary><div class="card">{touch_table(lists)}</div></details>'
    )


def _csv(lists: Sequence[TouchList]) -> bytes:
    """One table: the line of names stands once."""
    texts = [csv_text(touches) for touches in lists]
    return "".join([texts[0], *(text.split("\n", 1)[1] for text in texts[1:])]).encode()


def _parquet(touches: TouchList) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "touches.parquet"
        write_parquet(path, touches)
        return path.read_bytes()


def _png(picture: object) -> str:
    shown = cv2.cvtColor(picture, cv2.COLOR_RGBA2BGRA)  # type: ignore[call-overload]
    encoded = cv2.imencode(".png", shown, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1]
    return _data_uri("image/png", encoded.tobytes())


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
