import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dice_ros.perception.interaction_crop import CropBox, interaction_crop
from dice_ros.types import Box

FACE = Box(900.0, 300.0, 180.0, 240.0)


def holds(crop, box):
    return (
        crop.x <= box.x + 0.5
        and crop.y <= box.y + 0.5
        and crop.x + crop.side >= box.x + box.width - 0.5
        and crop.y + crop.side >= box.y + box.height - 0.5
    )


def test_the_head_takes_about_a_third_of_the_side():
    crop = interaction_crop(FACE, None, 1920, 1080)
    assert crop.side == pytest.approx(3 * 1.35 * 240, abs=1)
    assert crop.centre[0] == pytest.approx(990.0, abs=1)


def test_a_large_head_gets_the_full_height_as_in_training():
    crop = interaction_crop(Box(700.0, 200.0, 500.0, 600.0), None, 1920, 1080)
    assert (crop.y, crop.side) == (0, 1080)


def test_it_is_centred_between_head_and_hand():
    crop = interaction_crop(FACE, Box(1100.0, 400.0, 200.0, 200.0), 1920, 1080)
    assert crop.centre[0] == pytest.approx(0.5 * (990 + 1200), abs=1)


@given(
    st.tuples(*[st.floats(0, 1000)] * 2, *[st.floats(20, 400)] * 2),
    st.tuples(*[st.floats(0, 1000)] * 2, *[st.floats(20, 400)] * 2),
)
def test_both_boxes_are_inside(face, hand):
    face, hand = Box(*face), Box(*hand)
    crop = interaction_crop(face, hand, 1500, 1500)
    assert holds(crop, face)
    assert holds(crop, hand)
    assert crop.side >= 16


def test_it_stays_inside_the_image_where_it_fits():
    crop = interaction_crop(Box(1700.0, 20.0, 180.0, 240.0), None, 1920, 1080)
    assert crop.x + crop.side <= 1920
    assert crop.y >= 0


@pytest.mark.parametrize("far", [3e3, 1e6, -1e6])
def test_boxes_that_leave_the_image_do_not_blow_up_the_crop(far):
    crop = interaction_crop(FACE, Box(far, far, 4e5, 4e5), 1920, 1080)
    assert crop.side <= 2 * 1920
    assert holds(crop, FACE)


def test_a_cut_says_what_of_it_lies_in_the_image():
    image = np.full((40, 60, 3), 200, dtype=np.uint8)
    cut = CropBox(-10, -5, 80).cut(image)
    assert (cut.side, cut.left, cut.top) == (80, 10, 5)
    assert cut.pixels.shape == image.shape
    assert CropBox(500, 500, 20).cut(image).pixels.size == 0
    assert CropBox(-500, -500, 20).cut(image).pixels.size == 0


def test_a_cut_is_a_view_of_the_image():
    image = np.random.default_rng(0).integers(0, 255, (50, 60, 3), dtype=np.uint8)
    cut = CropBox(10, 5, 30, mirrored=True).cut(image)
    assert np.shares_memory(cut.pixels, image)
    np.testing.assert_array_equal(cut.pixels, image[5:35, 10:40])
    assert (cut.side, cut.left, cut.top, cut.mirrored) == (30, 0, 0, True)


def test_crop_pixels_go_back_to_the_image():
    crop = CropBox(100, 50, 448)
    corners = np.array([[0.0, 0.0], [224.0, 224.0], [112.0, -10.0]])
    expected = [[100, 50], [548, 498], [324, 30]]
    np.testing.assert_allclose(crop.to_image(corners, 224), expected)
