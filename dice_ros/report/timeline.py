"""The timeline of a recording: one lane a hand, touches coloured by region, thumbnails."""

from __future__ import annotations

import base64
from html import escape

from dice_ros.events.touch_event import TouchEvent
from dice_ros.events.touch_list import TouchList
from dice_ros.report.overlay_pictures import OverlayPictures
from dice_ros.report.wording import colour_of, duration, words
from dice_ros.types import HandSide

MOST_PICTURES = 80
"""Thumbnails in a page; every one takes about 10 kB."""


class Timelines:
    """Makes the timelines of a page; thumbnails have numbers that no other one has."""

    def __init__(self) -> None:
        self._pictures: list[str] = []

    def timeline(self, touches: TouchList, pictures: OverlayPictures) -> str:
        """HTML of one recording's timeline."""
        length = max(touches.seconds(touches.end_ns), 1e-3)
        persons = sorted({touch.person_id for touch in touches.touches})
        lanes, names = [], []
        for person in persons:
            for side in (HandSide.LEFT, HandSide.RIGHT):
                own = [
                    touch
                    for touch in touches.touches
                    if touch.person_id == person and touch.side is side
                ]
                whose = f"person {person}, " if len(persons) > 1 else ""
                names.append(f"<div>{whose}{side.value} hand</div>")
                bars = "".join(self._bar(touch, touches, length, pictures) for touch in own)
                lanes.append(f'<div class="lane">{bars}</div>')
        return (
            '<div class="tools" role="group" aria-label="zoom">'
            '<button data-zoom="out">&minus;</button><button data-zoom="in">+</button>'
            '<button data-zoom="all">whole recording</button>'
            '<span class="quiet">Ctrl and the wheel zoom, too. Hover over a touch, or go there '
            "with Tab.</span></div>"
            f'<div class="timeline" data-length="{length:.6f}"><div class="names"><div></div>'
            f'{"".join(names)}</div><div class="scroller"><div class="track">'
            f'<div class="ticks"></div>{"".join(lanes)}</div></div></div>'
        )

    def stored_pictures(self) -> str:
        """HTML of the thumbnails, unseen, for the end of the page."""
        return f"<div hidden>{''.join(self._pictures)}</div>"

    def _bar(
        self, touch: TouchEvent, touches: TouchList, length: float, pictures: OverlayPictures
    ) -> str:
        start = touches.seconds(touch.start_ns)
        span_ns = max(1, sum(place.end_ns - place.start_ns for place in touch.path))
        places = "".join(
            f'<i style="width:{100 * (place.end_ns - place.start_ns) / span_ns:.3f}%;'
            f'background:{colour_of(place.face_region)}"></i>'
            for place in touch.path
        )
        text = _details(touch, start)
        picture = self._picture(touch, pictures)
        return (
            f'<button class="touch" style="left:{100 * start / length:.4f}%;'
            f'width:{100 * touch.duration_s / length:.4f}%" data-touch="{touch.touch_id}" '
            f'data-tip="{escape(text)}" aria-label="{escape(text)}"{picture}>{places}</button>'
        )

    def _picture(self, touch: TouchEvent, pictures: OverlayPictures) -> str:
        if len(self._pictures) >= MOST_PICTURES or touch.end_ns is None:
            return ""
        data = pictures.thumbnail((touch.start_ns + touch.end_ns) // 2)
        if data is None:
            return ""
        name = f"picture-{len(self._pictures)}"
        code = base64.b64encode(data).decode()
        self._pictures.append(f'<img id="{name}" alt="" src="data:image/jpeg;base64,{code}">')
        return f' data-picture="{name}"'


def _details(touch: TouchEvent, start_s: float) -> str:
    regions = list(dict.fromkeys(words(place.face_region) for place in touch.path))
    lines = [
        f"{touch.side.value} {words(touch.hand_part)} on {words(touch.face_region)}",
        f"from {start_s:.2f} s, for {duration(touch.duration_s)}",
    ]
    if len(regions) > 1:
        lines.append("along " + ", ".join(regions))
    lines.append(f"{touch.peak_depth_mm:.1f} mm deep, {touch.peak_area_mm2:.0f} mm² at most")
    lines.append(f"confidence {touch.confidence:.2f}")
    if touch.end is not None:
        lines.append(f"ended: {words(touch.end.value)}")
    return "\n".join(lines)
