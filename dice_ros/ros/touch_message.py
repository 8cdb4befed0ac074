"""Touches and their summaries as messages."""

from __future__ import annotations

from array import array

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point

from dice_ros.events.touch_event import TouchEvent
from dice_ros.events.touch_summary import TouchSummary
from dice_ros.msg import TouchEvent as TouchEventMessage
from dice_ros.msg import TouchSummary as TouchSummaryMessage
from dice_ros.replay.interaction_record import SIDE_CODES
from dice_ros.replay.touch_record import END_CODES, PHASE_CODES
from dice_ros.ros.interaction_message import header

_QUARTILES = (0.0, 0.25, 0.5, 0.75, 1.0)


def touch_message(event: TouchEvent) -> TouchEventMessage:
    """One event; :func:`dice_ros.replay.touch_record.touch_event_of` is the way back."""
    message = TouchEventMessage()
    message.header = header(event.stamp_ns, event.frame_id)
    message.phase = PHASE_CODES[event.phase]
    message.touch_id = event.touch_id
    message.person_id = event.person_id
    message.side = SIDE_CODES[event.side]
    message.source = event.source
    message.contact_source = event.contact_source.value
    message.start = _time(event.start_ns)
    message.end = _time(event.end_ns or 0)
    message.duration_s = event.duration_s
    message.end_reason = END_CODES[event.end]
    message.hand_part, message.face_region = event.hand_part, event.face_region
    message.hand_parts, message.face_regions = list(event.hand_parts), list(event.face_regions)
    message.path_parts = [place.hand_part for place in event.path]
    message.path_regions = [place.face_region for place in event.path]
    starts = [1e-9 * (place.start_ns - event.start_ns) for place in event.path]
    ends = [1e-9 * (place.end_ns - event.start_ns) for place in event.path]
    message.path_start_s, message.path_end_s = array("d", starts), array("d", ends)
    message.peak_depth_mm = event.peak_depth_mm
    message.peak_area_mm2 = event.peak_area_mm2
    message.mean_probability = event.mean_probability
    message.peak_probability = event.peak_probability
    message.confidence = event.confidence
    x, y, z = map(float, event.centre)
    message.centre = Point(x=x, y=y, z=z)
    return message


def summary_message(summary: TouchSummary, frame_id: str) -> TouchSummaryMessage:
    """A summary; intervals become quantiles, so that the message does not grow with time."""
    message = TouchSummaryMessage()
    message.header = header(summary.end_ns, frame_id)
    message.start = _time(summary.start_ns)
    message.observed_s = summary.observed_s
    message.persons, message.touches = summary.persons, summary.touches
    message.touches_per_hour = summary.touches_per_hour
    message.dwell_s = summary.dwell_s
    for name, tallies in (("region", summary.by_region), ("part", summary.by_part)):
        setattr(message, f"{name}_names", [tally.name for tally in tallies])
        setattr(message, f"{name}_touches", array("I", [tally.touches for tally in tallies]))
        rates = array("d", [tally.touches_per_hour for tally in tallies])
        setattr(message, f"{name}_touches_per_hour", rates)
        setattr(message, f"{name}_dwell_s", array("d", [tally.dwell_s for tally in tallies]))
    sides = summary.by_side
    message.side_touches = np.array([side.touches for side in sides], dtype=np.uint32)
    message.side_touches_per_hour = np.array([side.touches_per_hour for side in sides])
    message.side_dwell_s = np.array([side.dwell_s for side in sides])
    transitions = summary.transitions
    message.transition_before = [item.before for item in transitions]
    message.transition_after = [item.after for item in transitions]
    message.transition_slides = array("I", [item.slides for item in transitions])
    message.transition_successions = array("I", [item.successions for item in transitions])
    if summary.intervals_s:
        quantiles = np.quantile(summary.intervals_s, _QUARTILES)
        message.interval_quantiles_s = array("d", quantiles.tolist())
    if summary.longest is not None:
        message.longest_id = summary.longest.touch_id
        message.longest_s = summary.longest.duration_s
    return message


def _time(stamp_ns: int) -> Time:
    seconds, nanoseconds = divmod(stamp_ns, 1_000_000_000)
    return Time(sec=seconds, nanosec=nanoseconds)
