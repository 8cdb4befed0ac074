"""Camera messages to core types, without a node."""

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from sensor_msgs.msg import CameraInfo, Image

from dice_ros.camera_message_fields import camera_from_fields
from dice_ros.errors import CameraError, ImageError
from dice_ros.ros.image_message import frame_of
from dice_ros.ros.interaction_message import header

STAMP_NS = 1_700_000_000_123_456_789


def info(**roi):
    message = CameraInfo(width=640, height=480, k=[500.0, 0, 330, 0, 510, 250, 0, 0, 1])
    for name, value in roi.items():
        setattr(message.roi, name, value)
    return message


def image(width=8, height=6, **fields):
    message = Image(header=header(STAMP_NS, "eye"), width=width, height=height, encoding="rgb8")
    message.step = 3 * width
    message.data.frombytes(bytes(range(3 * width * height)))
    for name, value in fields.items():
        setattr(message, name, value)
    return message


def test_an_image_keeps_its_stamp_frame_and_pixels():
    frame = frame_of(image(), max_pixels=1000, source="/image", index=3)
    assert (frame.stamp_ns, frame.frame_id, frame.index) == (STAMP_NS, "eye", 3)
    np.testing.assert_array_equal(frame.image.reshape(-1), np.arange(144))


def test_pixels_that_need_no_conversion_are_not_copied():
    message = image()
    frame = frame_of(message, max_pixels=1000, source="/image", index=0)
    assert np.shares_memory(frame.image, np.frombuffer(message.data, dtype=np.uint8))


@pytest.mark.parametrize(
    ("stamp_ns", "reason"), [(0, "stamp_zero"), (-1_000_000_000, "stamp_negative")]
)
def test_impossible_stamps_are_refused(stamp_ns, reason):
    message = image(header=header(stamp_ns, "eye"))
    with pytest.raises(ImageError) as caught:
        frame_of(message, max_pixels=1000, source="/image", index=0)
    assert caught.value.reason == reason


def test_a_region_of_interest_moves_the_centre_and_keeps_the_focal_length():
    full = camera_from_fields(info())
    part = camera_from_fields(info(x_offset=160, y_offset=120, width=320, height=240))
    assert (part.width, part.height) == (320, 240)
    point = np.array([[0.02, -0.03, 0.9]])
    np.testing.assert_allclose(part.project(point), full.project(point) - (160, 120))


def test_a_region_of_interest_that_is_everything_changes_nothing():
    whole = camera_from_fields(info(width=640, height=480))
    np.testing.assert_array_equal(whole.K, camera_from_fields(info()).K)


def test_a_region_of_interest_outside_the_sensor_is_refused():
    with pytest.raises(CameraError) as caught:
        camera_from_fields(info(x_offset=400, y_offset=0, width=320, height=240))
    assert caught.value.reason == "bad_roi"


def test_a_binned_image_gets_a_scaled_calibration():
    message = info()
    message.binning_x = message.binning_y = 2
    camera = camera_from_fields(message).fitted(320, 240)
    np.testing.assert_allclose(camera.K[:2], 0.5 * camera_from_fields(info()).K[:2])
    assert (camera.width, camera.height) == (320, 240)


def test_a_binned_region_of_interest_is_moved_then_scaled():
    message = info(x_offset=160, y_offset=120, width=320, height=240)
    camera = camera_from_fields(message).fitted(160, 120)
    assert camera.K[0, 0] == 250.0
    assert camera.K[:2, 2].tolist() == [85.0, 65.0]


def test_another_shape_is_no_calibration_of_this_image():
    with pytest.raises(CameraError) as caught:
        camera_from_fields(info()).fitted(640, 360)
    assert caught.value.reason == "camera_size_mismatch"
