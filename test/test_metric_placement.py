"""Where a crop's mesh is in the camera, from synthetic projections."""

import numpy as np
import pytest

from dice_ros.camera import Camera
from dice_ros.metric_placement import place, rotation_to_ray

CROP_SIDE = 224
HEAD_HEIGHT_M = 0.24
PLUMB_BOB = (-0.3, 0.12, 0.001, -0.0005, -0.02)
RATIONAL = (0.4, -0.5, 1e-4, -1e-4, 0.1, 0.7, -0.4, 0.05)


@pytest.fixture(scope="module")
def points(open_head, open_hand):
    """(N, 3) head and a hand 9 cm in front of its centre, crop frame, centred on the head."""
    head = open_head.template - open_head.template.mean(axis=0)
    hand = open_hand.template - open_hand.template.mean(axis=0) + (0.06, 0.05, -0.09)
    return np.concatenate([head, hand]).astype(np.float64)


def camera(width=1280, height=720, distortion=(), model=""):
    focal = 1.2 * width
    K = [focal, 0, 0.5 * width, 0, focal, 0.5 * height, 0, 0, 1]
    return Camera.from_calibration(K, width, height, distortion, model)


def picture(points, centre, scale):
    """The network's orthographic picture, image pixels."""
    return scale * points[:, :2] + centre


def errors_crop_px(points, centre, distance, camera):
    """Placement and the distance of the two pictures of every point, pixels of the crop."""
    scale = camera.K[0, 0] / distance
    seen = picture(points, centre, scale)
    placement = place(points, seen, tuple(centre), scale, camera)
    projected = camera.project(placement.to_camera(points))
    side = min(3 * HEAD_HEIGHT_M * scale, camera.height)
    return placement, np.linalg.norm(projected - seen, axis=1) * CROP_SIDE / side


@pytest.mark.parametrize(
    ("distortion", "model"),
    [((), ""), (PLUMB_BOB, "plumb_bob"), (RATIONAL, "rational_polynomial")],
)
def test_exact_pictures_are_placed_exactly(points, distortion, model):
    known = camera(distortion=distortion, model=model)
    centre = np.array([700.0, 300.0])
    ray = (known.undistort(centre[None])[0] - known.K[:2, 2]) / known.K[0, 0]
    rotation, translation = rotation_to_ray(ray), np.array([0.05, -0.04, 0.7])
    pixels = known.project(points @ rotation.T + translation)
    placement = place(points, pixels, tuple(centre), known.K[0, 0] / 0.9, known)
    np.testing.assert_allclose(placement.pose.translation, translation, atol=1e-4)
    np.testing.assert_allclose(placement.pose.rotation, rotation, atol=1e-9)
    assert placement.rms_px < 0.02


@pytest.mark.parametrize("distance", [1.2, 1.5, 2.0, 4.0])
def test_central_crops_reproject_within_a_pixel(points, distance):
    _, errors = errors_crop_px(points, np.array([640.0, 360.0]), distance, camera())
    assert np.median(errors) <= 1.0


@pytest.mark.parametrize("distance", [1.2, 1.5, 2.0, 4.0])
def test_crops_at_the_edge_reproject_within_a_pixel(points, distance):
    """30 % of the width off the centre, at the training distance and beyond."""
    _, errors = errors_crop_px(points, np.array([1024.0, 360.0]), distance, camera())
    assert np.median(errors) <= 1.0


@pytest.mark.parametrize("distance", [0.5, 0.8])
def test_close_heads_reproject_worse_but_within_bounds(points, distance):
    """Perspective that an orthographic picture cannot have: stated, not hidden."""
    _, errors = errors_crop_px(points, np.array([640.0, 360.0]), distance, camera())
    assert np.median(errors) <= 4.5


@pytest.mark.parametrize("distance", [0.8, 1.5, 3.0])
def test_the_distance_follows_the_scale(points, distance):
    placement, _ = errors_crop_px(points, np.array([640.0, 360.0]), distance, camera())
    assert placement.pose.translation[2] == pytest.approx(distance, rel=0.05)


def test_distortion_is_undone(points):
    """The same head seen through two lenses is in the same place."""
    plain, bent = camera(), camera(distortion=PLUMB_BOB, model="plumb_bob")
    centre = np.array([0.2, 0.1, 1.4])
    world = points + centre
    places = []
    for known in (plain, bent):
        pixel = known.project(centre[None])[0]
        placement = place(points, known.project(world), tuple(pixel), 1000.0, known)
        places.append(placement.to_camera(np.zeros((1, 3)))[0])
    np.testing.assert_allclose(places[0], places[1], atol=2e-3)


def test_a_face_at_the_edge_is_turned_towards_the_lens(points):
    placement, _ = errors_crop_px(points, np.array([1100.0, 360.0]), 1.5, camera())
    axis = placement.pose.rotation @ (0.0, 0.0, 1.0)
    towards = placement.pose.translation / np.linalg.norm(placement.pose.translation)
    assert axis @ towards > np.cos(np.radians(1.0))


def test_the_turn_is_a_rotation_about_no_more_than_needed():
    ray = np.array([0.3, -0.2])
    R = rotation_to_ray(ray)
    np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(R) == pytest.approx(1.0)
    goal = np.append(ray, 1.0)
    np.testing.assert_allclose(R @ (0, 0, 1), goal / np.linalg.norm(goal), atol=1e-12)
    angle = np.arccos((np.trace(R) - 1) / 2)
    assert angle == pytest.approx(np.arctan(np.hypot(*ray)))
    np.testing.assert_array_equal(rotation_to_ray(np.zeros(2)), np.eye(3))
