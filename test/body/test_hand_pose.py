import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dice_ros.body.hand_pose import ANGLE_COUNT, FINGER_JOINTS, HandPoser

ANGLES = arrays(np.float64, ANGLE_COUNT, elements=st.floats(-0.6, 1.2))


@pytest.fixture(scope="module")
def poser(open_hand):
    return HandPoser(open_hand)


def test_rest_angles_give_the_rest_pose(poser, open_hand):
    vertices, joints = poser.pose(np.zeros(ANGLE_COUNT))
    np.testing.assert_allclose(joints, open_hand.joints, atol=1e-6)
    np.testing.assert_allclose(vertices, open_hand.template, atol=1e-5)


@pytest.mark.parametrize("finger", [1, 2, 3, 4])
def test_flexing_a_finger_moves_its_tip_out_of_the_palm(poser, finger):
    for joint in (0, 2, 3):
        angles = np.zeros(ANGLE_COUNT)
        angles[5 + 4 * (finger - 1) + joint] = 0.5
        _, joints = poser.pose(angles)
        _, rest = poser.pose(np.zeros(ANGLE_COUNT))
        tip = FINGER_JOINTS[finger, 3]
        assert (joints[tip] - rest[tip]) @ poser.palm_normal > 0.004


def test_abducting_the_index_turns_it_towards_the_thumb(poser):
    angles = np.zeros(ANGLE_COUNT)
    angles[6] = 0.3
    _, joints = poser.pose(angles)
    _, rest = poser.pose(np.zeros(ANGLE_COUNT))
    assert np.linalg.norm(joints[8] - rest[4]) < np.linalg.norm(rest[8] - rest[4])


def test_bending_the_thumb_brings_its_tip_nearer_to_the_little_finger(poser):
    angles = np.zeros(ANGLE_COUNT)
    angles[[0, 3, 4]] = 0.5
    _, joints = poser.pose(angles)
    _, rest = poser.pose(np.zeros(ANGLE_COUNT))
    assert np.linalg.norm(joints[4] - rest[17]) < np.linalg.norm(rest[4] - rest[17]) - 0.01


@settings(deadline=None, max_examples=20)
@given(angles=ANGLES)
def test_bones_keep_their_lengths(poser, angles):
    _, joints = poser.pose(angles)
    _, rest = poser.pose(np.zeros(ANGLE_COUNT))
    for chain in FINGER_JOINTS:
        np.testing.assert_allclose(
            np.linalg.norm(np.diff(joints[chain], axis=0), axis=1),
            np.linalg.norm(np.diff(rest[chain], axis=0), axis=1),
            atol=1e-9,
        )


@settings(deadline=None, max_examples=10)
@given(angles=ANGLES)
def test_the_jacobian_is_the_derivative_of_the_joints(poser, angles):
    posed = poser.joints(angles)
    step = 1e-6
    for angle in range(ANGLE_COUNT):
        moved = angles.copy()
        moved[angle] += step
        numeric = (poser.joints(moved).joints - posed.joints) / step
        np.testing.assert_allclose(posed.jacobian[:, :, angle], numeric, atol=1e-5)


@settings(deadline=None, max_examples=5)
@given(angles=ANGLES)
def test_points_beside_the_joints_ride_on_their_bones(poser, angles):
    offsets = np.random.default_rng(0).normal(0, 0.01, (21, 3))
    posed = poser.points(angles, offsets)
    gap = np.linalg.norm(posed.joints - poser.joints(angles).joints, axis=1)
    np.testing.assert_allclose(gap, np.linalg.norm(offsets, axis=1), atol=1e-9)
    step = 1e-6
    for angle in range(ANGLE_COUNT):
        moved = angles.copy()
        moved[angle] += step
        numeric = (poser.points(moved, offsets).joints - posed.joints) / step
        np.testing.assert_allclose(posed.jacobian[:, :, angle], numeric, atol=1e-5)
