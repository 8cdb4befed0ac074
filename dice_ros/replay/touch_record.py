"""Touch events as messages of a type store, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dice_ros.events.touch_event import TouchEnd, TouchEvent, TouchPhase, TouchPlace
from dice_ros.replay.interaction_record import SIDE_CODES, header_record
from dice_ros.replay.message_store import TOUCH_EVENT_TYPE, message_store
from dice_ros.types import ContactSource

PHASE_CODES = {TouchPhase.ONSET: 0, TouchPhase.UPDATE: 1, TouchPhase.OFFSET: 2}
END_CODES = {
    None: 0,
    TouchEnd.RELEASED: 1,
    TouchEnd.HAND_LOST: 2,
    TouchEnd.FACE_LOST: 3,
    TouchEnd.PERSON_LOST: 4,
    TouchEnd.INPUT_GAP: 5,
    TouchEnd.CLOCK_JUMP: 6,
    TouchEnd.END_OF_INPUT: 7,
}
_PHASES = {code: phase for phase, code in PHASE_CODES.items()}
_ENDS = {code: end for end, code in END_CODES.items()}
_SIDES = {code: side for side, code in SIDE_CODES.items()}
_S = 1_000_000_000


def touch_event_record(event: TouchEvent) -> Any:
    """``TouchEvent``."""
    types = message_store().types
    x, y, z = map(float, event.centre)
    return types[TOUCH_EVENT_TYPE](
        header=header_record(event.stamp_ns, event.frame_id),
        phase=PHASE_CODES[event.phase],
        touch_id=event.touch_id,
        person_id=event.person_id,
        side=SIDE_CODES[event.side],
        source=event.source,
        contact_source=event.contact_source.value,
        start=_time(event.start_ns),
        end=_time(event.end_ns or 0),
        duration_s=event.duration_s,
        end_reason=END_CODES[event.end],
        hand_part=event.hand_part,
        face_region=event.face_region,
        hand_parts=list(event.hand_parts),
        face_regions=list(event.face_regions),
        path_parts=[place.hand_part for place in event.path],
        path_regions=[place.face_region for place in event.path],
        path_start_s=_seconds([place.start_ns - event.start_ns for place in event.path]),
        path_end_s=_seconds([place.end_ns - event.start_ns for place in event.path]),
        peak_depth_mm=event.peak_depth_mm,
        peak_area_mm2=event.peak_area_mm2,
        mean_probability=event.mean_probability,
        peak_probability=event.peak_probability,
        confidence=event.confidence,
        centre=types["geometry_msgs/msg/Point"](x=x, y=y, z=z),
    )


def touch_event_of(message: Any) -> TouchEvent:
    """The value of a ``TouchEvent``, of a type store or of ROS.

    Raises:
        ValueError: the message holds codes or names that do not exist.
    """
    try:
        phase, side = _PHASES[message.phase], _SIDES[message.side]
        end = _ENDS[message.end_reason]
    except KeyError as error:
        raise ValueError(f"touch {message.touch_id} holds the unknown code {error}") from None
    start_ns = _stamp_ns(message.start)
    return TouchEvent(
        phase=phase,
        touch_id=message.touch_id,
        person_id=message.person_id,
        side=side,
        frame_id=message.header.frame_id,
        source=message.source,
        contact_source=ContactSource(message.contact_source),
        stamp_ns=_stamp_ns(message.header.stamp),
        start_ns=start_ns,
        end_ns=None if end is None else _stamp_ns(message.end),
        end=end,
        hand_part=message.hand_part,
        face_region=message.face_region,
        hand_parts=tuple(message.hand_parts),
        face_regions=tuple(message.face_regions),
        path=tuple(
            TouchPlace(part, region, start_ns + round(from_s * _S), start_ns + round(to_s * _S))
            for part, region, from_s, to_s in zip(
                message.path_parts,
                message.path_regions,
                message.path_start_s,
                message.path_end_s,
                strict=True,
            )
        ),
        peak_depth_mm=float(message.peak_depth_mm),
        peak_area_mm2=float(message.peak_area_mm2),
        mean_probability=float(message.mean_probability),
        peak_probability=float(message.peak_probability),
        confidence=float(message.confidence),
        centre=np.array([message.centre.x, message.centre.y, message.centre.z], dtype=np.float32),
    )


def _time(stamp_ns: int) -> Any:
    seconds, nanoseconds = divmod(stamp_ns, _S)
    return message_store().types["builtin_interfaces/msg/Time"](sec=seconds, nanosec=nanoseconds)


def _stamp_ns(time: Any) -> int:
    return int(time.sec) * _S + int(time.nanosec)


def _seconds(spans_ns: list[int]) -> NDArray[np.float64]:
    return np.array(spans_ns, dtype=np.float64) / _S
