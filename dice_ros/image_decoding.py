"""From the bytes of camera messages and image files to RGB pictures, with every mismatch named.

Used by the node and by the readers of bags and files alike; knows nothing of ROS but the names of
its encodings.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from dice_ros.errors import ImageError
from dice_ros.picture_header import bmp_size, tiff_size, webp_size
from dice_ros.types import UInt8Array

Pixels: TypeAlias = NDArray[Any]
Buffer: TypeAlias = bytes | bytearray | memoryview | NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class _Encoding:
    """How pixels lie in memory.

    Attributes:
        channels: values per pixel in a row.
        dtype: ``uint8`` or ``uint16``.
        to_rgb: conversion of the (H, W[, C]) array.
        rows_per_height: rows of data for each image row, as a fraction of two numbers.
    """

    channels: int
    dtype: str
    to_rgb: Callable[[Pixels], Pixels]
    rows_per_height: tuple[int, int] = (1, 1)


def _with(code: int) -> Callable[[Pixels], Pixels]:
    def convert(pixels: Pixels) -> Pixels:
        return cv2.cvtColor(pixels, code)

    return convert


def _keep(pixels: Pixels) -> Pixels:
    return pixels


def _grey16(pixels: Pixels) -> Pixels:
    return cv2.cvtColor(_rgb16(pixels), cv2.COLOR_GRAY2RGB)


def _rgb16(pixels: Pixels) -> Pixels:
    return np.asarray(pixels >> 8, dtype=np.uint8)


def _bgr16(pixels: Pixels) -> Pixels:
    return cv2.cvtColor(_rgb16(pixels), cv2.COLOR_BGR2RGB)


_ENCODINGS: dict[str, _Encoding] = {
    "rgb8": _Encoding(3, "uint8", _keep),
    "bgr8": _Encoding(3, "uint8", _with(cv2.COLOR_BGR2RGB)),
    "8UC3": _Encoding(3, "uint8", _with(cv2.COLOR_BGR2RGB)),
    "rgba8": _Encoding(4, "uint8", _with(cv2.COLOR_RGBA2RGB)),
    "bgra8": _Encoding(4, "uint8", _with(cv2.COLOR_BGRA2RGB)),
    "8UC4": _Encoding(4, "uint8", _with(cv2.COLOR_BGRA2RGB)),
    "mono8": _Encoding(1, "uint8", _with(cv2.COLOR_GRAY2RGB)),
    "8UC1": _Encoding(1, "uint8", _with(cv2.COLOR_GRAY2RGB)),
    "mono16": _Encoding(1, "uint16", _grey16),
    "16UC1": _Encoding(1, "uint16", _grey16),
    "rgb16": _Encoding(3, "uint16", _rgb16),
    "bgr16": _Encoding(3, "uint16", _bgr16),
    # ROS names Bayer patterns by their first row; OpenCV's older constants by the second row's
    # second pixel. The ones with four letters here are OpenCV's names for the same patterns.
    "bayer_rggb8": _Encoding(1, "uint8", _with(cv2.COLOR_BayerRGGB2RGB)),
    "bayer_bggr8": _Encoding(1, "uint8", _with(cv2.COLOR_BayerBGGR2RGB)),
    "bayer_gbrg8": _Encoding(1, "uint8", _with(cv2.COLOR_BayerGBRG2RGB)),
    "bayer_grbg8": _Encoding(1, "uint8", _with(cv2.COLOR_BayerGRBG2RGB)),
    "yuv422": _Encoding(2, "uint8", _with(cv2.COLOR_YUV2RGB_UYVY)),
    "uyvy": _Encoding(2, "uint8", _with(cv2.COLOR_YUV2RGB_UYVY)),
    "yuv422_yuy2": _Encoding(2, "uint8", _with(cv2.COLOR_YUV2RGB_YUY2)),
    "yuyv": _Encoding(2, "uint8", _with(cv2.COLOR_YUV2RGB_YUY2)),
    "nv12": _Encoding(1, "uint8", _with(cv2.COLOR_YUV2RGB_NV12), (3, 2)),
    "nv21": _Encoding(1, "uint8", _with(cv2.COLOR_YUV2RGB_NV21), (3, 2)),
}

ENCODINGS = tuple(_ENCODINGS)
"""Names of the raw encodings that can be read."""


def decode_raw(
    data: Buffer,
    *,
    width: int,
    height: int,
    step: int,
    encoding: str,
    is_bigendian: bool = False,
    max_pixels: int,
) -> UInt8Array:
    """Read an uncompressed image.

    Args:
        data: ``height`` rows of ``step`` bytes (half as many again for nv12 and nv21).
        width, height: pixels.
        step: bytes from one row to the next, padding included.
        encoding: a ROS encoding name, see :data:`ENCODINGS`.
        is_bigendian: byte order of 16-bit values.
        max_pixels: larger images are refused.

    Returns:
        (H, W, 3) uint8 RGB; may share memory with ``data``.

    Raises:
        ImageError: reasons ``unknown_encoding``, ``zero_size``, ``too_many_pixels``,
            ``step_too_small``, ``data_too_short``, ``data_too_long``, ``odd_size``.
    """
    kind = _ENCODINGS.get(encoding)
    if kind is None:
        raise ImageError(
            "unknown_encoding",
            f"image encoding {encoding!r} is not supported; supported: {', '.join(_ENCODINGS)}",
        )
    _check_size(width, height, max_pixels)
    item = np.dtype(kind.dtype).itemsize
    row_bytes = width * kind.channels * item
    if step < row_bytes:
        raise ImageError(
            "step_too_small",
            f"step is {step} bytes, but a row of {width} {encoding} pixels has {row_bytes}",
        )
    subsampled = kind.rows_per_height != (1, 1)
    if (width % 2 and (kind.channels == 2 or subsampled)) or (height % 2 and subsampled):
        raise ImageError("odd_size", f"{encoding} needs even sizes, received {width}x{height}")
    rows = height * kind.rows_per_height[0] // kind.rows_per_height[1]
    buffer = np.frombuffer(data, dtype=np.uint8)
    if buffer.size < rows * step:
        raise ImageError(
            "data_too_short",
            f"image data has {buffer.size} bytes, expected {rows} rows of {step} = {rows * step}",
        )
    if buffer.size > rows * step:
        raise ImageError(
            "data_too_long",
            f"image data has {buffer.size} bytes, expected {rows} rows of {step} = {rows * step}",
        )
    pixels: Pixels = buffer.reshape(rows, step)[:, :row_bytes]
    if item == 2:
        pixels = np.ascontiguousarray(pixels).view(">u2" if is_bigendian else "<u2")
    if kind.channels > 1:
        pixels = pixels.reshape(rows, width, kind.channels)
    return np.ascontiguousarray(kind.to_rgb(pixels), dtype=np.uint8)


def decode_compressed(data: Buffer, *, format: str = "", max_pixels: int) -> UInt8Array:
    """Read a JPEG, PNG, WebP, BMP or TIFF picture.

    Args:
        data: the file's bytes.
        format: what the sender says it is, for error texts only; the bytes decide.
        max_pixels: larger images are refused, before they are decoded where the header tells.

    Returns:
        (H, W, 3) uint8 RGB, turned upright as the file's EXIF data says.

    Raises:
        ImageError: reasons ``empty_data``, ``truncated_image``, ``unknown_format``,
            ``too_many_pixels``, ``zero_size``.
    """
    view = memoryview(np.frombuffer(data, dtype=np.uint8).data)
    if not view:
        raise ImageError("empty_data", "the compressed image has no data")
    _check_file(view, format, max_pixels)
    picture = None
    try:
        picture = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise ImageError("unknown_format", f"the image cannot be decoded: {error}") from error
    if picture is None:
        raise _unknown_format(view, format)
    _check_size(picture.shape[1], picture.shape[0], max_pixels)
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def _check_file(view: memoryview, format: str, max_pixels: int) -> None:
    """Refuse what is cut off, too large or no picture before the decoder allocates anything."""
    head = bytes(view[:16])
    if head.startswith(b"\xff\xd8"):
        _check_jpeg(view, max_pixels)
        return
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        _check_png(view, max_pixels)
        return
    size = None
    if head.startswith(b"BM"):
        size = bmp_size(view)
    elif head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        size = webp_size(view)
    elif head.startswith((b"II*\0", b"MM\0*")):
        size = tiff_size(view)
    if size is None:
        raise _unknown_format(view, format)
    _check_size(size.width, size.height, max_pixels)


def _unknown_format(view: memoryview, format: str) -> ImageError:
    return ImageError(
        "unknown_format",
        f"{len(view)} bytes of format {format!r} are no JPEG, PNG, WebP, BMP or TIFF picture",
    )


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width <= 0 or height <= 0:
        raise ImageError("zero_size", f"the image is {width}x{height} pixels")
    if width * height > max_pixels:
        raise ImageError(
            "too_many_pixels",
            f"the image is {width}x{height} = {width * height} pixels, at most {max_pixels} are "
            "allowed (setting max_image_pixels)",
        )


def _check_jpeg(view: memoryview, max_pixels: int) -> None:
    header_end = _check_jpeg_header(view, max_pixels)
    # OpenCV decodes the first part of a cut-off JPEG without complaint and paints the rest grey.
    # Compressed pixels never hold the end marker, and cameras that pad every picture to the same
    # number of bytes leave thousands of zeros after it: look near the end first, then everywhere.
    end = b"\xff\xd9"
    if end in bytes(view[max(header_end, len(view) - 64) :]) or end in bytes(view[header_end:]):
        return
    raise ImageError(
        "truncated_image", f"the JPEG of {len(view)} bytes has no end marker: it was cut off"
    )


def _check_jpeg_header(view: memoryview, max_pixels: int) -> int:
    """Position behind the size in the frame header; thumbnails lie before it."""
    position = 2
    while position + 9 < len(view):
        if view[position] != 0xFF:
            break
        marker = view[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        length = struct.unpack(">H", view[position + 2 : position + 4])[0]
        is_frame = 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)
        if is_frame:
            height, width = struct.unpack(">HH", view[position + 5 : position + 9])
            _check_size(width, height, max_pixels)
            return position + 9
        position += 2 + length
    raise ImageError("truncated_image", "the JPEG has no frame header: it is damaged")


def _check_png(view: memoryview, max_pixels: int) -> None:
    if len(view) < 33:
        raise ImageError("truncated_image", f"the PNG has only {len(view)} bytes")
    width, height = struct.unpack(">II", view[16:24])
    _check_size(width, height, max_pixels)
    # OpenCV takes the memory that a chunk claims before it looks whether the file goes on so far.
    position = 8
    while position + 12 <= len(view):
        length, kind = struct.unpack_from(">I4s", view, position)
        position += 12 + length
        if kind == b"IEND" and position <= len(view):
            return
    raise ImageError(
        "truncated_image", f"the PNG of {len(view)} bytes has no end chunk: it was cut off"
    )
