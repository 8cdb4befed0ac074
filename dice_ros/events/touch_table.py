"""Touches as a table: one row each, every column with its unit in its name."""

from __future__ import annotations

import csv
import io

from dice_ros.events.touch_event import TouchEvent
from dice_ros.events.touch_list import TouchList, stamp_text

COLUMNS = (
    *("touch_id", "person_id", "hand", "start_s", "end_s", "duration_s", "hand_part"),
    *("face_region", "hand_parts", "face_regions", "path", "end_reason", "confidence"),
    *("mean_probability", "peak_probability", "peak_depth_mm", "peak_area_mm2"),
    *("source", "contact_source", "start_time", "recording", "recording_start"),
)
"""``path`` lists ``part>region@seconds`` of the main places, seconds since the recording's start;
lists are separated by semicolons. ``start_time`` and ``recording_start`` are absolute (UTC)."""


def touch_rows(touches: TouchList) -> list[dict[str, int | float | str]]:
    """One row for each touch, values of the columns :data:`COLUMNS`."""
    return [_row(touches, touch) for touch in touches.touches]


def csv_text(touches: TouchList) -> str:
    """The table as comma-separated values with a line of names (RFC 4180, but LF)."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(touch_rows(touches))
    return stream.getvalue()


def _row(touches: TouchList, touch: TouchEvent) -> dict[str, int | float | str]:
    end_ns = touch.start_ns if touch.end_ns is None else touch.end_ns
    places = (
        f"{place.hand_part}>{place.face_region}@{touches.seconds(place.start_ns):.3f}"
        for place in touch.path
    )
    return {
        "touch_id": touch.touch_id,
        "person_id": touch.person_id,
        "hand": touch.side.value,
        "start_s": round(touches.seconds(touch.start_ns), 3),
        "end_s": round(touches.seconds(end_ns), 3),
        "duration_s": round(touch.duration_s, 3),
        "hand_part": touch.hand_part,
        "face_region": touch.face_region,
        "hand_parts": ";".join(touch.hand_parts),
        "face_regions": ";".join(touch.face_regions),
        "path": ";".join(places),
        "end_reason": touch.end.value if touch.end else "",
        "confidence": round(touch.confidence, 4),
        "mean_probability": round(touch.mean_probability, 4),
        "peak_probability": round(touch.peak_probability, 4),
        "peak_depth_mm": round(touch.peak_depth_mm, 2),
        "peak_area_mm2": round(touch.peak_area_mm2, 1),
        "source": touch.source,
        "contact_source": touch.contact_source.value,
        "start_time": stamp_text(touch.start_ns),
        "recording": touches.name,
        "recording_start": touches.start_text,
    }
