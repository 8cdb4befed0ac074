"""Touches as BORIS writes coded state events: a table of aggregated events, tab-separated.

The columns are those of *Observations > Export events > Aggregated events*, see
https://www.boris.unito.it/user_guide/export_events/ ("Export aggregated events"): scripts made for
such tables read these. BORIS itself has no import for them.

A subject is a person's hand, a behaviour is ``touch`` and the face region, its modifier the hand
part. Every place of a touch's path is a state event of its own, so a slide is several, one after
the other; ``Comment start`` holds the number of the touch that they belong to.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict

from dice_ros.events.touch_list import TouchList, hand_name

COLUMNS = (
    *("Observation id", "Observation date", "Description", "Observation type", "Source"),
    *("Time offset (s)", "Coding duration", "Media duration (s)", "FPS (frame/s)", "Subject"),
    *("Observation duration by subject by observation", "Behavior", "Behavioral category"),
    *("Modifier #1", "Behavior type", "Start (s)", "Stop (s)", "Duration (s)"),
    *("Media file name", "Image index start", "Image index stop"),
    *("Image file path start", "Image file path stop", "Comment start", "Comment stop"),
)


def boris_text(touches: TouchList) -> str:
    """The file's text; ``Observation date`` is the absolute start of the recording."""
    duration_s = round(touches.seconds(touches.end_ns), 3)
    rows = []
    for touch in touches.touches:
        for place in touch.path:
            row: dict[str, object] = defaultdict(str)
            row |= {
                "Observation id": touches.name,
                "Observation date": touches.start_text,
                "Description": f"touches found by dice_ros, estimator {touch.source}",
                "Observation type": "Media file",
                "Source": touches.name,
                "Time offset (s)": 0.0,
                "Coding duration": duration_s,
                "Media duration (s)": duration_s,
                "FPS (frame/s)": "NA",
                "Subject": hand_name(touch),
                "Observation duration by subject by observation": duration_s,
                "Behavior": f"touch {place.face_region}",
                "Behavioral category": "touch",
                "Modifier #1": place.hand_part,
                "Behavior type": "STATE",
                "Start (s)": round(touches.seconds(place.start_ns), 3),
                "Stop (s)": round(touches.seconds(place.end_ns), 3),
                "Duration (s)": round(place.dwell_s, 3),
                "Media file name": touches.name,
                "Image index start": "NA",
                "Image index stop": "NA",
                "Comment start": f"touch {touch.touch_id}",
                "Comment stop": touch.end.value if touch.end else "",
            }
            rows.append(row)
    rows.sort(key=lambda row: (row["Subject"], row["Start (s)"]))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, restval="", delimiter="\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()
