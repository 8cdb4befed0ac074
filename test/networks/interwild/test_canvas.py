"""The canvas against the official code's, and where points go."""

import cv2
import numpy as np
import pytest

from dice_ros.networks.interwild.canvas import person_canvas
from dice_ros.types import Box


def test_box_matrices_and_pixels_are_the_official_ones(interwild_golden):
    arrays, _ = interwild_golden
    image = arrays["pre/src"]
    height, width = image.shape[:2]
    canvas = person_canvas(Box(0, 0, width, height), width, height)
    box = canvas.box
    np.testing.assert_allclose(
        (box.x, box.y, box.width, box.height), arrays["pre/bbox_xywh"], rtol=1e-5
    )
    np.testing.assert_allclose(canvas.to_canvas, arrays["pre/img2bb"], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(canvas.to_image, arrays["pre/bb2img"], rtol=1e-4, atol=1e-4)
    patch = canvas.cut(image)
    assert patch.shape == (512, 384, 3)
    # The official numbers were made with OpenCV 5; version 4 rounds positions.
    exact = int(cv2.__version__.split(".")[0]) >= 5
    gap = np.abs(patch[4::16, 4::16] - arrays["pre/patch_s"])
    assert gap.max() <= (255e-4 if exact else 8.0)
    assert gap.mean() < 0.5


def test_results_are_mapped_back_as_the_demo_does(interwild_golden, interwild_output):
    arrays, _ = interwild_golden
    width, height = arrays["post/raw_wh"]
    canvas = person_canvas(Box(0, 0, width, height), width, height)
    np.testing.assert_allclose(canvas.to_image, arrays["post/bb2img"], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(canvas.to_canvas, arrays["post/img2bb"], rtol=1e-4, atol=1e-4)
    tight = interwild_output.boxes.tight()[0].numpy()
    for letter, number in (("r", 0), ("l", 1)):
        corners = canvas.points_in_image(tight[number].reshape(2, 2))
        np.testing.assert_allclose(corners, arrays[f"post/{letter}hand_bbox_raw"], rtol=1e-4)
    for letter, hand in (("r", interwild_output.right), ("l", interwild_output.left)):
        joints = canvas.points_in_image(hand.joints_canvas[0].numpy())
        np.testing.assert_allclose(joints, arrays[f"post/{letter}joint_raw"], rtol=1e-4)
    pictures = {
        "": interwild_output.pair.picture,
        "r": interwild_output.right.picture,
        "l": interwild_output.left.picture,
    }
    for letter, picture in pictures.items():
        focal = picture.focal[0].numpy() / canvas.pixels_per_image_pixel
        centre = canvas.points_in_image(picture.centre.numpy())[0]
        np.testing.assert_allclose(focal, arrays[f"post/{letter}focal_raw"], rtol=1e-4)
        np.testing.assert_allclose(centre, arrays[f"post/{letter}princpt_raw"], rtol=1e-4)


@pytest.mark.parametrize("box", [Box(10, 10, 30, 200), Box(300, 100, 500, 50), Box(0, 0, 640, 480)])
def test_a_canvas_is_three_to_four_and_maps_both_ways(box):
    canvas = person_canvas(box, 640, 480)
    assert canvas.box.width / canvas.box.height == pytest.approx(0.75)
    points = np.array([[12.0, 30.0], [400.0, 111.0]])
    back = canvas.points_in_image(canvas.points_on_canvas(points))
    np.testing.assert_allclose(back, points)
    corner = canvas.points_on_canvas(np.array([[canvas.box.x, canvas.box.y]]))
    np.testing.assert_allclose(corner, [[0.0, 0.0]], atol=1e-9)


def test_a_box_outside_the_image_has_no_canvas():
    assert person_canvas(Box(700, 10, 30, 30), 640, 480) is None
    assert person_canvas(Box(10, 10, 0, 30), 640, 480) is None
