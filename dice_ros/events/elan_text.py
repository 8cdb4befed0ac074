"""Touches as annotations for ELAN: tab-delimited text.

ELAN imports such files with *File > Import > CSV / Tab-delimited Text File*: its dialog shows the
columns and asks which of them are tier, begin time, end time and annotation, and with which row
the data begin (here the second). See "CSV / Tab-delimited Text file" in the ELAN manual
(https://www.mpi.nl/corpus/html/elan/ch01s04s02.html). Columns and their names are those that ELAN
itself writes with *Export as > Tab-delimited Text*.

Each hand of each person has a tier with a touch per annotation, and one with the places of its
path. Annotations of a tier must not overlap and must not be empty: shorter ones last 1 ms.
"""

from __future__ import annotations

from dice_ros.events.touch_list import TouchList, hand_name

HEADER = (
    *("Tier", "Participant", "Begin Time - hh:mm:ss.ms", "End Time - hh:mm:ss.ms"),
    "Annotation",
)
RECORDING_TIER = "recording"


def elan_text(touches: TouchList) -> str:
    """The file's text; the tier ``recording`` says which moment is 0."""
    span_ms = _ms(touches, touches.end_ns)
    lines = [
        HEADER,
        (
            *(RECORDING_TIER, "", _clock(0), _clock(max(1, span_ms))),
            f"{_clean(touches.name)}; 0 is {touches.start_text}",
        ),
    ]
    last_ms: dict[str, int] = {}
    for touch in touches.touches:
        tier, participant = hand_name(touch), f"person {touch.person_id}"
        stays = [(f"{tier}, places", place) for place in touch.path]
        whole = (touch.start_ns, touch.start_ns if touch.end_ns is None else touch.end_ns)
        rows = [(tier, *whole, f"{touch.hand_part} > {touch.face_region}")]
        rows += [
            (name, place.start_ns, place.end_ns, f"{place.hand_part} > {place.face_region}")
            for name, place in stays
        ]
        for name, start_ns, end_ns, text in rows:
            start_ms = max(_ms(touches, start_ns), last_ms.get(name, 0))
            end_ms = last_ms[name] = max(start_ms + 1, _ms(touches, end_ns))
            lines.append((name, participant, _clock(start_ms), _clock(end_ms), text))
    return "".join("\t".join(line) + "\n" for line in lines)


def _ms(touches: TouchList, stamp_ns: int) -> int:
    return max(0, round(1e3 * touches.seconds(stamp_ns)))


def _clock(time_ms: int) -> str:
    seconds, milliseconds = divmod(time_ms, 1000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02d}:{minute:02d}:{second:02d}.{milliseconds:03d}"


def _clean(text: str) -> str:
    return " ".join(text.split())
