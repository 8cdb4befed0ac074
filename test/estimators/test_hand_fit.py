import numpy as np
import pytest

from dice_ros.body.hand_pose import HandPoser
from dice_ros.body.rotation import matrix_from_axis_angle
from dice_ros.camera import Camera
from dice_ros.estimators.landmark_fit.hand_fit import HandFitter, ScalePrior, view_rotation
from dice_ros.estimators.landmark_fit.hand_landmark_offsets import LANDMARK_OFFSETS_M
from dice_ros.estimators.landmark_fit.hand_prior import (
    ANGLE_MAX,
    ANGLE_MEAN,
    ANGLE_MIN,
    angle_cost,
    angle_normal_terms,
)
from dice_ros.types import Box, HandLandmarks, HandSide

CAMERA = Camera.assume(640, 480)
MIRROR = np.array([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def poser(open_hand):
    return HandPoser(open_hand)


def seen(poser, seed, side):
    """What a perfect network would say of a random hand, and its joints in cam."""
    rng = np.random.default_rng(seed)
    angles = np.clip(ANGLE_MEAN + rng.normal(0, 0.25, 21), ANGLE_MIN, ANGLE_MAX)
    R = matrix_from_axis_angle(rng.normal(0, 1.0, 3))
    t = np.array([rng.normal(0, 0.08), rng.normal(0, 0.05), rng.uniform(0.4, 0.9)])
    joints = poser.joints(angles).joints @ R.T + t
    marks = poser.points(angles, LANDMARK_OFFSETS_M).joints @ R.T + t
    if side is HandSide.LEFT:
        joints, marks = joints * MIRROR, marks * MIRROR
    pixels = CAMERA.project(marks)
    ray = marks[[0, 1, 5, 9, 13, 17]].mean(axis=0)
    world = (marks - marks.mean(0)) @ view_rotation(ray / np.linalg.norm(ray))
    points = np.concatenate([pixels, np.zeros((21, 1))], axis=1).astype(np.float32)
    landmarks = HandLandmarks(
        points=points,
        world=world.astype(np.float32),
        presence=1.0,
        right_probability=float(side is HandSide.RIGHT),
        side=side,
        box=Box(0, 0, 1, 1),
        track_id=1,
    )
    return landmarks, joints


@pytest.mark.parametrize("side", list(HandSide))
@pytest.mark.parametrize("seed", range(6))
def test_a_hand_seen_without_error_is_found(poser, seed, side):
    landmarks, joints = seen(poser, seed, side)
    fitter = HandFitter(poser)
    fit = fitter.fit(landmarks, CAMERA, ScalePrior())
    assert fit is not None
    found = fitter.joints(fit)
    assert np.linalg.norm(found - joints, axis=1).mean() < 0.02
    centred = (found - found.mean(0)) - (joints - joints.mean(0))
    assert np.linalg.norm(centred, axis=1).mean() < 6e-3
    assert 0 < fit.depth_sigma < 0.2


def test_left_and_right_are_mirror_images(poser):
    right, _ = seen(poser, 3, HandSide.RIGHT)
    left, _ = seen(poser, 3, HandSide.LEFT)
    fitter = HandFitter(poser)
    fit_right = fitter.fit(right, CAMERA, ScalePrior())
    fit_left = fitter.fit(left, CAMERA, ScalePrior())
    np.testing.assert_allclose(
        fitter.vertices(fit_left), fitter.vertices(fit_right) * MIRROR, atol=1e-4
    )


def test_sliding_keeps_the_picture(poser):
    landmarks, _ = seen(poser, 1, HandSide.RIGHT)
    fitter = HandFitter(poser)
    fit = fitter.fit(landmarks, CAMERA, ScalePrior())
    near, far = fitter.vertices(fit, 0.8), fitter.vertices(fit, 1.1)
    np.testing.assert_allclose(CAMERA.project(near), CAMERA.project(far), atol=0.01)
    assert near[:, 2].mean() < far[:, 2].mean()


def test_a_warm_start_stays_where_it_was(poser):
    landmarks, _ = seen(poser, 2, HandSide.RIGHT)
    fitter = HandFitter(poser)
    cold = fitter.fit(landmarks, CAMERA, ScalePrior())
    warm = fitter.fit(landmarks, CAMERA, ScalePrior(), previous=cold)
    np.testing.assert_allclose(fitter.joints(cold), fitter.joints(warm), atol=2e-3)


def test_collapsed_landmarks_raise_nothing(poser):
    landmarks, _ = seen(poser, 2, HandSide.RIGHT)
    broken = HandLandmarks(
        points=np.zeros((21, 3), np.float32),
        world=np.zeros((21, 3), np.float32),
        presence=1.0,
        right_probability=1.0,
        side=HandSide.RIGHT,
        box=landmarks.box,
        track_id=1,
    )
    HandFitter(poser).fit(broken, CAMERA, ScalePrior())


def test_the_prior_s_gradient_is_the_derivative_of_its_cost():
    rng = np.random.default_rng(0)
    angles = rng.normal(0, 1.2, 21)
    gradient, hessian = angle_normal_terms(angles)
    step = 1e-6
    numeric = [
        (angle_cost(angles + step * axis) - angle_cost(angles - step * axis)) / (2 * step)
        for axis in np.eye(21)
    ]
    np.testing.assert_allclose(gradient, numeric, rtol=1e-4, atol=1e-4)
    assert np.linalg.eigvalsh(hessian).min() > 0
