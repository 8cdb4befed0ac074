"""Camera messages to core types."""

from __future__ import annotations

from typing import TypeVar

from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from dice_ros.camera_message_fields import DEFAULT_FRAME_ID, picture_from_fields
from dice_ros.errors import ImageError
from dice_ros.types import Frame, UInt8Array

Message = TypeVar("Message", Image, CompressedImage, CameraInfo)


def message_of(data: bytes, kind: type[Message]) -> Message:
    """The message in serialized bytes.

    Raises:
        ImageError: reason ``undecodable_message``.
    """
    try:
        return deserialize_message(data, kind)
    except Exception as error:  # the middleware has no error of its own for this
        raise ImageError(
            "undecodable_message",
            f"{len(data)} bytes are no {kind.__name__}: {str(error).splitlines()[0]}; does another "
            "version of the message, or another middleware, publish them?",
        ) from error


def stamp_of(message: Image | CompressedImage | CameraInfo) -> int:
    """Header stamp in nanoseconds.

    Raises:
        ImageError: reason ``stamp_zero``, ``stamp_negative`` or ``stamp_invalid``.
    """
    stamp = message.header.stamp
    if stamp.nanosec >= 1_000_000_000:
        raise ImageError(
            "stamp_invalid", f"the stamp of the image has {stamp.nanosec} ns beside its seconds"
        )
    stamp_ns = stamp.sec * 1_000_000_000 + stamp.nanosec
    if stamp_ns == 0:
        raise ImageError(
            "stamp_zero", "the image has stamp 0: the camera driver must stamp its images"
        )
    if stamp_ns < 0:
        raise ImageError("stamp_negative", f"the image has a negative stamp: {stamp_ns} ns")
    return int(stamp_ns)


def picture_of(message: Image | CompressedImage, max_pixels: int) -> UInt8Array:
    """(H, W, 3) uint8 RGB.

    Raises:
        ImageError: see :mod:`dice_ros.image_decoding`.
    """
    compressed = isinstance(message, CompressedImage)
    return picture_from_fields(message, compressed=compressed, max_pixels=max_pixels)


def frame_of(
    message: Image | CompressedImage, *, max_pixels: int, source: str, index: int
) -> Frame:
    """The image as a frame without calibration.

    Raises:
        ImageError: it cannot be used; ``reason`` says why.
    """
    stamp_ns = stamp_of(message)
    image = picture_of(message, max_pixels)
    frame_id = message.header.frame_id or DEFAULT_FRAME_ID
    return Frame(image, stamp_ns, frame_id=frame_id, source=source, index=index)
