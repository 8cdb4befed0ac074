"""Sizes of picture files from their first bytes, before anything is allocated for the pixels.

A file of a hundred bytes may say that it holds gigabytes of pixels, and a decoder that believes it
takes the memory first and finds the file too short afterwards.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_TIFF_SIZES = {256: "width", 257: "height", 322: "tile width", 323: "tile height"}
_TIFF_FORMATS = {1: "B", 3: "H", 4: "I"}


@dataclass(frozen=True, slots=True)
class PictureSize:
    """Size that a picture file claims.

    Attributes:
        width, height: pixels; the larger of picture and tile for tiled files.
    """

    width: int
    height: int


def bmp_size(data: memoryview) -> PictureSize | None:
    """Size of a BMP file; None if its head makes no sense."""
    if len(data) < 26:
        return None
    (head_bytes,) = struct.unpack_from("<I", data, 14)
    if head_bytes == 12:
        return PictureSize(*struct.unpack_from("<HH", data, 18))
    width, height = struct.unpack_from("<ii", data, 18)
    # A negative height says that the first row is the topmost one.
    return PictureSize(width, abs(height)) if width > 0 else None


def webp_size(data: memoryview) -> PictureSize | None:
    """Size of a WebP file; None if its head makes no sense."""
    if len(data) < 30:
        return None
    kind = bytes(data[12:16])
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
        return PictureSize(width, height)
    if kind == b"VP8L" and data[20] == 0x2F:
        bits = int.from_bytes(data[21:25], "little")
        return PictureSize((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8 " and bytes(data[23:26]) == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return PictureSize(width & 0x3FFF, height & 0x3FFF)
    return None


def tiff_size(data: memoryview) -> PictureSize | None:
    """Size of the first picture of a TIFF file; None if its head makes no sense."""
    order = {b"II": "<", b"MM": ">"}.get(bytes(data[:2]))
    if order is None or len(data) < 8:
        return None
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    if start + 2 > len(data):
        return None
    (count,) = struct.unpack_from(f"{order}H", data, start)
    sizes: dict[int, int] = {}
    for entry in range(start + 2, min(start + 2 + 12 * count, len(data) - 11), 12):
        tag, kind = struct.unpack_from(f"{order}HH", data, entry)
        if tag in _TIFF_SIZES and kind in _TIFF_FORMATS:
            (value,) = struct.unpack_from(order + _TIFF_FORMATS[kind], data, entry + 8)
            # A tag that comes twice counts with its larger value: decoders differ.
            sizes[tag] = max(value, sizes.get(tag, 0))
        elif tag in _TIFF_SIZES:
            return None
    if 256 not in sizes or 257 not in sizes:
        return None
    return PictureSize(max(sizes[256], sizes.get(322, 0)), max(sizes[257], sizes.get(323, 0)))
