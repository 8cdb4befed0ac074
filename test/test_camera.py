import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dice_ros.camera import Camera
from dice_ros.errors import CameraError

K = [500.0, 0, 320, 0, 510.0, 240, 0, 0, 1]


def test_a_point_on_the_axis_lands_on_the_principal_point():
    camera = Camera.from_calibration(K, 640, 480)
    np.testing.assert_allclose(camera.project(np.array([[0, 0, 2.0]])), [[320, 240]])


@given(st.floats(-0.25, 0.25), st.floats(-0.2, 0.2))
def test_undistorting_what_was_projected_gives_the_pinhole_pixel(x, y):
    camera = Camera.from_calibration(K, 640, 480, [0.1, -0.05, 0.001, -0.001, 0.01], "plumb_bob")
    ideal = Camera.from_calibration(K, 640, 480)
    point = np.array([[x, y, 1.0]])
    np.testing.assert_allclose(
        camera.undistort(camera.project(point)), ideal.project(point), atol=0.02
    )


@given(st.floats(-0.9, 0.9), st.floats(-0.7, 0.7))
def test_a_fisheye_lens_is_undone(x, y):
    camera = Camera.from_calibration(K, 640, 480, [0.02, -0.01, 0.003, -0.001], "equidistant")
    point = np.array([[x, y, 1.0]])
    ideal = Camera.from_calibration(K, 640, 480).project(point)
    np.testing.assert_allclose(camera.undistort(camera.project(point)), ideal, atol=0.02)


def test_a_fisheye_lens_without_coefficients_still_bends():
    camera = Camera.from_calibration(K, 640, 480, [0.0] * 4, "equidistant")
    (pixel,) = camera.project(np.array([[1.0, 0.0, 1.0]]))
    np.testing.assert_allclose(pixel, [320 + 500 * np.pi / 4, 240], atol=1e-6)


def test_an_assumed_camera_says_so():
    camera = Camera.assume(640, 480)
    assert camera.assumed
    assert camera.K[0, 0] == 768.0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"K": [float("nan")] * 9}, "nan_intrinsics"),
        ({"K": [0.0] * 9}, "uncalibrated"),
        ({"K": [1.0] * 4}, "nan_intrinsics"),
        ({"K": [-5.0, 0, 320, 0, 500, 240, 0, 0, 1]}, "bad_focal_length"),
        ({"K": [500.0, 0, 9e9, 0, 500, 240, 0, 0, 1]}, "bad_principal_point"),
        ({"width": 0}, "bad_camera_size"),
        ({"distortion": [1.0], "distortion_model": "plumb_bob"}, "bad_distortion"),
        ({"distortion": [1.0] * 5, "distortion_model": "equidistant"}, "bad_distortion"),
        ({"distortion": [1.0] * 4, "distortion_model": "thin_prism"}, "bad_distortion"),
        ({"distortion": [float("inf")], "distortion_model": "plumb_bob"}, "bad_distortion"),
    ],
)
def test_senseless_calibrations_are_refused_with_a_reason(change, reason):
    arguments = {"K": K, "width": 640, "height": 480} | change
    with pytest.raises(CameraError) as caught:
        Camera.from_calibration(**arguments)
    assert caught.value.reason == reason
