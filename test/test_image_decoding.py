import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dice_ros.errors import ImageError
from dice_ros.image_decoding import ENCODINGS, decode_compressed, decode_raw

MAX = 100_000_000


@pytest.fixture
def picture():
    rng = np.random.default_rng(1)
    small = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return cv2.resize(small, (64, 48), interpolation=cv2.INTER_CUBIC)


def raw(pixels, encoding, pad=0, **changes):
    rows = pixels.reshape(pixels.shape[0], -1).view(np.uint8)
    padded = np.pad(rows, ((0, 0), (0, pad)))
    arguments = {
        "width": pixels.shape[1],
        "height": pixels.shape[0],
        "step": padded.shape[1],
        "encoding": encoding,
        "max_pixels": MAX,
    } | changes
    return decode_raw(padded.tobytes(), **arguments)


@pytest.mark.parametrize("pad", [0, 5])
@pytest.mark.parametrize(
    ("encoding", "convert"),
    [
        ("rgb8", lambda p: p),
        ("bgr8", lambda p: p[..., ::-1]),
        ("8UC3", lambda p: p[..., ::-1]),
        ("rgba8", lambda p: np.dstack([p, np.full(p.shape[:2], 9, np.uint8)])),
        ("bgra8", lambda p: np.dstack([p[..., ::-1], np.full(p.shape[:2], 9, np.uint8)])),
        ("8UC4", lambda p: np.dstack([p[..., ::-1], np.full(p.shape[:2], 9, np.uint8)])),
    ],
)
def test_colour_encodings_give_the_same_pixels(picture, encoding, convert, pad):
    np.testing.assert_array_equal(
        raw(np.ascontiguousarray(convert(picture)), encoding, pad), picture
    )


@pytest.mark.parametrize("encoding", ["mono8", "8UC1"])
def test_grey_becomes_three_equal_channels(picture, encoding):
    grey = np.ascontiguousarray(picture[..., 0])
    result = raw(grey, encoding)
    for channel in range(3):
        np.testing.assert_array_equal(result[..., channel], grey)


@pytest.mark.parametrize(("order", "big"), [("<u2", False), (">u2", True)])
def test_sixteen_bit_grey_honours_the_byte_order(picture, order, big):
    grey = picture[..., 0].astype(np.uint16) * 256 + 77
    result = raw(grey.astype(order), "mono16", is_bigendian=big)
    np.testing.assert_array_equal(result[..., 0], picture[..., 0])


@pytest.mark.parametrize(
    ("encoding", "first_row", "second_row"),
    [
        ("bayer_rggb8", (0, 1), (1, 2)),
        ("bayer_bggr8", (2, 1), (1, 0)),
        ("bayer_gbrg8", (1, 2), (0, 1)),
        ("bayer_grbg8", (1, 0), (2, 1)),
    ],
)
def test_bayer_patterns_are_named_by_their_first_row(encoding, first_row, second_row):
    colour = np.array([200, 100, 30], dtype=np.uint8)
    mosaic = np.zeros((16, 16), dtype=np.uint8)
    for row, channels in enumerate((first_row, second_row)):
        for column, channel in enumerate(channels):
            mosaic[row::2, column::2] = colour[channel]
    result = raw(mosaic, encoding)
    np.testing.assert_array_equal(result[8, 8], colour)


@pytest.mark.parametrize(
    ("encoding", "code"),
    [("yuv422", cv2.COLOR_RGB2YUV_UYVY), ("yuv422_yuy2", cv2.COLOR_RGB2YUV_YUY2)],
)
def test_packed_yuv_gives_nearly_the_same_colours(encoding, code):
    flat = np.full((16, 16, 3), (180, 90, 60), dtype=np.uint8)
    result = raw(cv2.cvtColor(flat, code), encoding)
    assert np.abs(result.astype(int) - flat).max() <= 4


def test_planar_yuv_gives_nearly_the_same_colours():
    flat = np.full((16, 16, 3), (180, 90, 60), dtype=np.uint8)
    i420 = cv2.cvtColor(flat, cv2.COLOR_RGB2YUV_I420)
    chroma = np.stack([i420[16:20].reshape(-1), i420[20:24].reshape(-1)], axis=1).reshape(8, 16)
    nv12 = np.concatenate([i420[:16], chroma])
    result = decode_raw(
        nv12.tobytes(), width=16, height=16, step=16, encoding="nv12", max_pixels=MAX
    )
    assert np.abs(result.astype(int) - flat).max() <= 4


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"encoding": "hsv9"}, "unknown_encoding"),
        ({"width": 0}, "zero_size"),
        ({"height": 0}, "zero_size"),
        ({"step": 10}, "step_too_small"),
        ({"height": 49}, "data_too_short"),
        ({"height": 47}, "data_too_long"),
        ({"max_pixels": 100}, "too_many_pixels"),
        ({"width": 2**31, "height": 2**31, "step": 2**33}, "too_many_pixels"),
        ({"encoding": "yuv422", "width": 63}, "odd_size"),
    ],
)
def test_every_mismatch_has_its_reason(picture, changes, reason):
    with pytest.raises(ImageError) as caught:
        raw(picture, **({"encoding": "rgb8"} | changes))
    assert caught.value.reason == reason
    assert len(str(caught.value)) > 20


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tiff"])
def test_compressed_pictures_are_read(picture, suffix):
    data = cv2.imencode(suffix, picture[..., ::-1])[1].tobytes()
    result = decode_compressed(data, format=suffix, max_pixels=MAX)
    assert np.abs(result.astype(int) - picture).mean() < 8


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_picture_cut_off_anywhere_is_refused(picture, suffix):
    data = cv2.imencode(suffix, picture[..., ::-1])[1].tobytes()
    for share in (0.2, 0.5, 0.9):
        with pytest.raises(ImageError) as caught:
            decode_compressed(data[: int(share * len(data))], max_pixels=MAX)
        assert caught.value.reason in ("truncated_image", "unknown_format")


@pytest.mark.parametrize("padding", [1, 64, 65, 10_000])
def test_zeros_behind_the_end_marker_are_no_damage(picture, padding):
    data = cv2.imencode(".jpg", picture[..., ::-1])[1].tobytes()
    padded = decode_compressed(data + bytes(padding), max_pixels=MAX)
    np.testing.assert_array_equal(padded, decode_compressed(data, max_pixels=MAX))


def test_the_end_of_a_thumbnail_is_not_the_end_of_the_picture(picture):
    thumbnail = cv2.imencode(".jpg", picture[::4, ::4, ::-1])[1].tobytes()
    data = cv2.imencode(".jpg", picture[..., ::-1])[1].tobytes()
    segment = b"\xff\xe1" + (2 + len(thumbnail)).to_bytes(2, "big") + thumbnail
    whole = data[:2] + segment + data[2:]
    assert decode_compressed(whole, max_pixels=MAX).shape == picture.shape
    for cut in (len(whole) - 3, len(whole) // 2 + len(segment) // 2, len(segment) + 2):
        with pytest.raises(ImageError) as caught:
            decode_compressed(whole[:cut], max_pixels=MAX)
        assert caught.value.reason == "truncated_image"


def test_a_png_that_claims_to_be_huge_is_refused_before_it_is_decoded():
    data = bytearray(cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes())
    data[16:24] = (2**30).to_bytes(4, "big") * 2
    with pytest.raises(ImageError) as caught:
        decode_compressed(bytes(data), max_pixels=MAX)
    assert caught.value.reason == "too_many_pixels"


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200), st.sampled_from(["", "jpeg", "png"]))
def test_random_bytes_are_refused_and_never_crash(data, kind):
    with pytest.raises(ImageError):
        decode_compressed(data, format=kind, max_pixels=MAX)


@settings(deadline=None, max_examples=300)
@given(
    st.binary(max_size=300),
    st.integers(-2, 20),
    st.integers(-2, 20),
    st.integers(-2, 70),
    st.sampled_from([*ENCODINGS, "", "junk"]),
    st.booleans(),
)
def test_random_raw_images_are_read_or_refused(data, width, height, step, encoding, big):
    try:
        result = decode_raw(
            data,
            width=width,
            height=height,
            step=step,
            encoding=encoding,
            is_bigendian=big,
            max_pixels=MAX,
        )
    except ImageError:
        return
    assert result.shape == (height, width, 3)
