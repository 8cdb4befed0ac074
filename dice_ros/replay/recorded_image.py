"""From recorded bytes to pictures and calibrations."""

from __future__ import annotations

import struct
from functools import cache
from typing import Any

from rosbags.typesys import Stores, get_typestore
from rosbags.typesys.store import Typestore

from dice_ros.camera import Camera
from dice_ros.camera_message_fields import (
    DEFAULT_FRAME_ID,
    camera_from_fields,
    picture_from_fields,
)
from dice_ros.errors import CameraError, ImageError
from dice_ros.replay.camera_topics import COMPRESSED_TYPE
from dice_ros.replay.message_store import message_store
from dice_ros.replay.recording import StoredMessage, Wire
from dice_ros.types import Frame

_STAMP_END = 12


@cache
def ros1_store() -> Typestore:
    """The standard messages of ROS 1."""
    return get_typestore(Stores.ROS1_NOETIC)


def stamp_of(message: StoredMessage) -> int:
    """Header stamp in nanoseconds, read without decoding the message.

    Raises:
        ImageError: reason ``undecodable_message``, ``stamp_zero`` or ``stamp_negative``.
    """
    data = message.data
    if len(data) < _STAMP_END:
        raise ImageError("undecodable_message", f"the message has only {len(data)} bytes")
    if message.topic.wire is Wire.ROS1:
        seconds, nanoseconds = struct.unpack_from("<II", data, 4)  # behind the sequence number
    else:
        order = "<" if data[1] & 1 else ">"
        seconds, nanoseconds = struct.unpack_from(f"{order}iI", data, 4)
    stamp_ns = int(seconds) * 1_000_000_000 + int(nanoseconds)
    if not stamp_ns:
        raise ImageError("stamp_zero", "the image has stamp 0: its driver did not stamp it")
    if stamp_ns < 0:
        raise ImageError("stamp_negative", f"the image has a negative stamp: {stamp_ns} ns")
    return stamp_ns


def decoded(message: StoredMessage) -> Any:
    """The message with its fields.

    Raises:
        ImageError: reason ``undecodable_message``.
    """
    type_name = message.topic.type_name
    try:
        if message.topic.wire is Wire.ROS1:
            return ros1_store().deserialize_ros1(message.data, type_name)
        return message_store().deserialize_cdr(message.data, type_name)
    except Exception as error:  # Damaged bytes make the generated code raise anything.
        raise ImageError(
            "undecodable_message", f"{len(message.data)} bytes are no {type_name}: {error}"
        ) from error


def frame_of(
    message: StoredMessage, *, stamp_ns: int, index: int, max_pixels: int, camera: Camera | None
) -> Frame:
    """The picture of an image message, with a calibration that fits it or none.

    Raises:
        ImageError: it cannot be used; ``reason`` says why.
    """
    value = decoded(message)
    compressed = message.topic.type_name == COMPRESSED_TYPE
    image = picture_from_fields(value, compressed=compressed, max_pixels=max_pixels)
    height, width = image.shape[:2]
    return Frame(
        image,
        stamp_ns,
        frame_id=value.header.frame_id or DEFAULT_FRAME_ID,
        source=message.topic.name,
        index=index,
        camera=None if camera is None else _fitted(camera, width, height),
    )


def camera_of(message: StoredMessage) -> Camera:
    """The calibration in a CameraInfo: of its region of interest if it has one.

    Raises:
        CameraError: it is no calibration; ``reason`` says why.
        ImageError: reason ``undecodable_message``.
    """
    return camera_from_fields(decoded(message))


def _fitted(camera: Camera, width: int, height: int) -> Camera | None:
    """The calibration at the size of an image; None if the shapes differ."""
    try:
        return camera.fitted(width, height)
    except CameraError:
        return None
