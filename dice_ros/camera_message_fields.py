"""Pictures and calibrations from the fields of camera messages, whoever decoded those.

ROS's own message classes, and the classes that bags are read with, have the same fields; ROS 1
spells those of CameraInfo with capital letters.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from dice_ros.camera import Camera
from dice_ros.image_decoding import decode_compressed, decode_raw
from dice_ros.types import UInt8Array

DEFAULT_FRAME_ID = "camera_optical_frame"
"""The camera frame of images whose header names none."""

Fields: TypeAlias = Any
"""A ``sensor_msgs`` message of any origin."""


def picture_from_fields(message: Fields, *, compressed: bool, max_pixels: int) -> UInt8Array:
    """The picture of an Image, or of a CompressedImage.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ImageError: it cannot be used; see :mod:`dice_ros.image_decoding`.
    """
    if compressed:
        return decode_compressed(message.data, format=message.format, max_pixels=max_pixels)
    return decode_raw(
        message.data,
        width=message.width,
        height=message.height,
        step=message.step,
        encoding=message.encoding,
        is_bigendian=bool(message.is_bigendian),
        max_pixels=max_pixels,
    )


def camera_from_fields(info: Fields) -> Camera:
    """The calibration of the images a CameraInfo comes with: of its region of interest if set.

    Binning is left to :meth:`Camera.fitted`, which scales to the size of the image.

    Raises:
        CameraError: it is no calibration; ``reason`` says why.
    """
    K = info.k if hasattr(info, "k") else info.K
    D = info.d if hasattr(info, "d") else info.D
    camera = Camera.from_calibration(K, info.width, info.height, D, info.distortion_model)
    roi = info.roi
    if not (roi.width and roi.height):
        return camera
    return camera.cropped(roi.x_offset, roi.y_offset, roi.width, roi.height)
