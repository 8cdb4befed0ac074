import cv2
import numpy as np
import pytest

from dice_ros.body.rotation import matrix_from_axis_angle
from dice_ros.camera import Camera
from dice_ros.perception.rigid_flow import View

CAMERA = Camera.assume(640, 480, 1.0)
CENTRE = np.array([0.03, -0.02, 0.6])
HALF_M = 0.08


def board(rotation, shift=(0.0, 0.0, 0.0), before=None):
    """A picture of a textured square, and points of its surface (N, 3) metres, cam."""
    texture = np.random.default_rng(0).uniform(0, 255, (24, 24)).astype(np.uint8)
    texture = cv2.resize(texture, (320, 320), interpolation=cv2.INTER_CUBIC)
    corners = HALF_M * np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], float)
    placed = corners @ rotation.T + CENTRE + shift
    ends = np.array([[0, 0], [320, 0], [320, 320], [0, 320]], np.float32)
    H = cv2.getPerspectiveTransform(ends, CAMERA.project(placed).astype(np.float32))
    grey = cv2.warpPerspective(texture, H, (640, 480), borderValue=90)
    grid = np.linspace(-HALF_M, HALF_M, 25)
    x, y = np.meshgrid(grid, grid)
    flat = np.column_stack([x.ravel(), y.ravel(), np.zeros(x.size)])
    points = (flat @ rotation.T + CENTRE + shift).astype(np.float32)
    return cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), points


@pytest.mark.parametrize("tilt", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("turn", [-0.05, 0.0, 0.05])
@pytest.mark.parametrize("nearer_m", [-0.02, 0.0, 0.01, 0.03])
def test_nearing_is_told_from_turning(tilt, turn, nearer_m):
    first, surface = board(matrix_from_axis_angle(np.array([0.0, tilt, 0.1])))
    view = View.of(first, CAMERA, surface)
    second, _ = board(
        matrix_from_axis_angle(np.array([0.0, tilt + turn, 0.1])), (0.004, -0.003, -nearer_m)
    )
    change = view.depth_change(second, CAMERA)
    assert 0.6 * np.expm1(change) == pytest.approx(-nearer_m, abs=2e-3)


def test_the_size_that_is_assumed_does_not_matter():
    upright = np.eye(3)
    first, surface = board(upright)
    second, _ = board(upright, (0.0, 0.0, -0.02))
    changes = [
        View.of(first, CAMERA, np.float32(factor) * surface).depth_change(second, CAMERA)
        for factor in (0.8, 1.0, 1.3)
    ]
    assert changes == pytest.approx([np.log(0.58 / 0.6)] * 3, abs=2e-3)


def test_what_hides_a_thing_is_not_followed():
    upright = np.eye(3)
    first, surface = board(upright)
    second, _ = board(upright, (0.0, 0.0, -0.02))
    still = first[:, :320]
    for picture in (first, second):
        picture[:, :320] = still
    left = surface[CAMERA.project(surface)[:, 0] < 330]
    change = View.of(first, CAMERA, surface, (left,)).depth_change(second, CAMERA)
    assert change == pytest.approx(np.log(0.58 / 0.6), abs=3e-3)


def test_nothing_to_follow_gives_nothing():
    first, surface = board(np.eye(3))
    blank = np.full_like(first, 90)
    assert View.of(blank, CAMERA, surface).depth_change(blank, CAMERA) is None
    assert View.of(first, CAMERA, surface).depth_change(blank, CAMERA) is None


def test_a_thing_outside_the_picture_has_no_view():
    first, surface = board(np.eye(3))
    assert View.of(first, CAMERA, surface + np.float32([1.0, 0.0, 0.0])) is None


@pytest.mark.parametrize("number", [22, 45, 66, 98])
def test_rendered_hands_are_followed_to_a_few_millimetres(demo_clip, number):
    first, second = (demo_clip.frame(number + step) for step in (0, 1))
    before, after = (truth.hands[0].vertices for _, truth in (first, second))
    camera = first[0].camera
    change = View.of(first[0].image, camera, before).depth_change(second[0].image, camera)
    true = np.log(after[:, 2].mean() / before[:, 2].mean())
    assert change * before[:, 2].mean() == pytest.approx(true * before[:, 2].mean(), abs=4e-3)
