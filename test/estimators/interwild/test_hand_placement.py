"""A hand at a known place, seen through a known camera, comes back to that place."""

import dataclasses

import numpy as np
import pytest

from dice_ros.body.mano_pair import load_hands
from dice_ros.body.rotation import axis_angle_from_matrix, matrix_from_axis_angle
from dice_ros.camera import Camera
from dice_ros.estimators.interwild.hand_placement import place_alone, place_together
from dice_ros.estimators.interwild.seen_hands import SeenHand, SeenHands
from dice_ros.metric_placement import rotation_to_ray
from dice_ros.types import HandSide

WIDTH, HEIGHT = 1280, 720
FOCAL = 900.0
K = [[FOCAL, 0, 640], [0, FOCAL, 360], [0, 0, 1]]
STRAIGHT = Camera.from_calibration(np.ravel(K), WIDTH, HEIGHT)
BENT = Camera.from_calibration(
    np.ravel(K), WIDTH, HEIGHT, (-0.25, 0.08, 0.001, -0.001), "plumb_bob"
)
VIRTUAL_FOCAL, CROP_SIDE = 5000.0, 256
DEPTH_SHARE = 0.01
"""Of the distance: a hand half a metre away is placed to 5 mm, one at 2 m to 20 mm."""
SIDEWAYS_PX = 2.0
"""At half a metre; less further away."""
ORIENT = matrix_from_axis_angle(np.array([0.3, -1.9, 0.6]))


@pytest.fixture(scope="module")
def pair(model_dir):
    return load_hands(model_dir / "mano_hands.npz")


def mesh(pair, side):
    """Resting vertices and 21 points of a hand about its wrist, turned."""
    arrays = pair.of(side).arrays
    joints = arrays.joint_regressor @ arrays.template
    points = np.concatenate([joints, arrays.template[[745, 317, 445, 556, 673]]])
    return (arrays.template - joints[0]) @ ORIENT.T, (points - joints[0]) @ ORIENT.T


def ray_of(camera, pixel):
    ideal = camera.undistort(pixel[None])[0]
    return (ideal - camera.K[:2, 2]) / (camera.K[0, 0], camera.K[1, 1])


def as_seen(pair, side, wrist, camera, centre=None):
    """What a perfect network says of a hand at a place: the hand about its wrist as seen from the
    crop's direction, and the virtual camera's picture that lies closest to the real one."""
    vertices, joints = mesh(pair, side)
    pixels = camera.project(joints + wrist)
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    own_centre, half = (low + high) / 2, 1.2 * (high - low) / 2
    turn = rotation_to_ray(ray_of(camera, own_centre if centre is None else centre))
    joints_seen, vertices_seen = joints @ turn, vertices @ turn
    image_per_crop = 2 * 2 * half.max() / CROP_SIDE
    crop_pixels = (pixels - own_centre) / image_per_crop + CROP_SIDE / 2
    # Its depth in the virtual camera: the size of the picture; then where it lies.
    about = joints_seen - joints_seen.mean(axis=0)
    middle = crop_pixels.mean(axis=0)
    scale = (about[:, :2] * (crop_pixels - middle)).sum() / (about[:, :2] ** 2).sum()
    depth = VIRTUAL_FOCAL / scale
    in_virtual = about + np.append((middle - CROP_SIDE / 2) * depth / VIRTUAL_FOCAL, depth)
    pictured = VIRTUAL_FOCAL * in_virtual[:, :2] / in_virtual[:, 2:] + CROP_SIDE / 2
    return SeenHand(
        side=side,
        confidence=None,
        box=np.concatenate([own_centre - half, own_centre + half]),
        crop_centre=own_centre,
        pixels_per_metre=scale * image_per_crop,
        vertices=vertices_seen.astype(np.float32),
        joints=joints_seen.astype(np.float32),
        pixels=(pictured - CROP_SIDE / 2) * image_per_crop + own_centre,
        root_pose=axis_angle_from_matrix(turn.T @ ORIENT).astype(np.float32),
        finger_pose=np.zeros(45, dtype=np.float32),
        shape=np.zeros(10, dtype=np.float32),
    )


PLACES = [(0.0, 0.0, 0.5), (0.1, -0.05, 0.6), (-0.25, 0.15, 0.8), (0.6, -0.2, 1.2), (0.3, 0.4, 2.0)]


@pytest.mark.parametrize("camera", [STRAIGHT, BENT], ids=["straight", "bent"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("side", HandSide)
def test_a_hand_comes_back_to_its_place(pair, camera, place, side):
    wrist = np.array(place)
    seen = as_seen(pair, side, wrist, camera)
    placed = place_alone(seen, camera)
    truth = mesh(pair, side)[0] + wrist
    distance = np.linalg.norm(wrist)
    # An orthographic picture of a hand this deep is that far from a perspective one.
    assert np.linalg.norm(placed.wrist - wrist) < DEPTH_SHARE * distance
    assert np.linalg.norm(placed.vertices - truth, axis=1).max() < DEPTH_SHARE * distance
    across = placed.wrist[:2] / placed.wrist[2] - wrist[:2] / wrist[2]
    assert np.linalg.norm(across) * FOCAL < SIDEWAYS_PX * 0.5 / distance
    np.testing.assert_allclose(placed.turn, ORIENT, atol=1e-5)


@pytest.mark.parametrize("place", PLACES)
def test_two_hands_keep_the_vector_between_their_wrists(pair, place):
    right_wrist = np.array(place)
    apart = np.array([0.09, 0.02, -0.04])
    wrists = {HandSide.RIGHT: right_wrist, HandSide.LEFT: right_wrist + apart}
    centre = STRAIGHT.project(np.array(list(wrists.values()))).mean(axis=0)
    turn = rotation_to_ray(ray_of(STRAIGHT, centre))
    hands = {side: as_seen(pair, side, wrist, STRAIGHT, centre) for side, wrist in wrists.items()}
    seen = SeenHands(hands, apart @ turn, centre)
    placed = place_together(seen, STRAIGHT)
    between = placed[HandSide.LEFT].wrist - placed[HandSide.RIGHT].wrist
    np.testing.assert_allclose(between, apart, atol=1e-6)
    for side, wrist in wrists.items():
        gap = np.linalg.norm(placed[side].wrist - wrist)
        assert gap < DEPTH_SHARE * np.linalg.norm(wrist)


def test_hands_a_body_cannot_have_are_no_pair(pair):
    hands = {side: as_seen(pair, side, np.array([0.0, 0.0, 0.8]), STRAIGHT) for side in HandSide}
    far = SeenHands(hands, np.array([0.0, 0.0, 2.0]), np.array([640.0, 360.0]))
    assert place_together(far, STRAIGHT) is None
    assert place_together(SeenHands(hands, None, None), STRAIGHT) is None


def test_what_is_nowhere_is_not_placed(pair):
    seen = as_seen(pair, HandSide.RIGHT, np.array([0.0, 0.0, 0.8]), STRAIGHT)
    nowhere = dataclasses.replace(seen, pixels_per_metre=0.1)
    assert place_alone(nowhere, STRAIGHT) is None
    not_a_number = dataclasses.replace(seen, pixels=np.full((21, 2), np.nan))
    assert place_alone(not_a_number, STRAIGHT) is None
