"""Sizes read from the heads of picture files, and heads that lie."""

import struct

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dice_ros.errors import ImageError
from dice_ros.image_decoding import decode_compressed
from dice_ros.picture_header import PictureSize, bmp_size, tiff_size, webp_size

READERS = {".bmp": bmp_size, ".webp": webp_size, ".tiff": tiff_size}
MAX = 10_000


def picture_file(suffix, width, height, *options):
    pixels = np.zeros((height, width, 3), np.uint8)
    return cv2.imencode(suffix, pixels, list(options))[1].tobytes()


@pytest.mark.parametrize("suffix", READERS)
@given(width=st.integers(1, 400), height=st.integers(1, 400))
def test_the_size_in_the_head_is_that_of_the_picture(suffix, width, height):
    data = memoryview(picture_file(suffix, width, height))
    assert READERS[suffix](data) == PictureSize(width, height)


def test_the_size_of_a_lossless_webp_is_read_too():
    data = picture_file(".webp", 37, 21, cv2.IMWRITE_WEBP_QUALITY, 101)
    assert webp_size(memoryview(data)) == PictureSize(37, 21)


@pytest.mark.parametrize("suffix", READERS)
@given(data=st.binary(max_size=80), kept=st.integers(0, 60))
def test_any_head_has_a_size_or_none(suffix, data, kept):
    head = picture_file(suffix, 8, 8)[:kept]
    size = READERS[suffix](memoryview(head + data))
    assert size is None or (size.width >= 0 and size.height >= 0)


def bitmap(width, height):
    """A BMP file that ends after its head."""
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + info


def tiff(width, height):
    """A TIFF file that ends after its directory."""
    tags = b"".join(
        struct.pack("<HHII", tag, 4, 1, size) for tag, size in ((256, width), (257, height))
    )
    return b"II*\0" + struct.pack("<IH", 8, 2) + tags


def webp(width, height):
    """An extended WebP file that ends after its head."""
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF\x40\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + sides


@pytest.mark.parametrize("make", [bitmap, tiff, webp])
def test_files_that_claim_gigabytes_are_refused_before_anything_is_allocated(make):
    with pytest.raises(ImageError) as caught:
        decode_compressed(make(16_000, 16_000), max_pixels=MAX)
    assert caught.value.reason == "too_many_pixels"


def test_a_png_whose_chunk_claims_more_than_there_is_is_cut_off():
    data = bytearray(picture_file(".png", 8, 8))
    assert data[37:41] == b"IDAT"
    data[33:37] = b"\xff\xff\xff\xf0"
    with pytest.raises(ImageError) as caught:
        decode_compressed(bytes(data), max_pixels=MAX)
    assert caught.value.reason == "truncated_image"


@pytest.mark.parametrize("suffix", [".ppm", ".jp2"])
def test_other_formats_are_refused(suffix):
    with pytest.raises(ImageError) as caught:
        decode_compressed(picture_file(suffix, 64, 64), max_pixels=MAX)
    assert caught.value.reason == "unknown_format"
