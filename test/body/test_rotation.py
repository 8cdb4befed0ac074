import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dice_ros.body.rotation import (
    align_points,
    axis_angle_from_matrix,
    matrix_from_axis_angle,
    matrix_from_quaternion,
    nearest_rotation,
    quaternion_from_matrix,
)

VECTORS = arrays(np.float64, 3, elements=st.floats(-3.0, 3.0))


@given(VECTORS)
def test_axis_angle_survives_the_way_through_a_matrix(vector):
    angle = np.linalg.norm(vector)
    R = matrix_from_axis_angle(vector)
    np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-12)
    back = matrix_from_axis_angle(axis_angle_from_matrix(R))
    np.testing.assert_allclose(back, R, atol=1e-6)
    if angle < 3.1:
        np.testing.assert_allclose(axis_angle_from_matrix(R), vector, atol=1e-6)


@given(VECTORS)
def test_quaternions_are_unit_and_turn_back_into_the_matrix(vector):
    R = matrix_from_axis_angle(vector)
    quaternion = quaternion_from_matrix(R)
    assert abs(np.linalg.norm(quaternion) - 1.0) < 1e-9
    np.testing.assert_allclose(matrix_from_quaternion(quaternion), R, atol=1e-6)


def test_half_a_turn_has_an_axis():
    for axis in np.eye(3):
        R = matrix_from_axis_angle(np.pi * axis)
        np.testing.assert_allclose(np.abs(axis_angle_from_matrix(R)), np.pi * axis, atol=1e-6)


@given(VECTORS)
def test_aligning_turned_points_finds_the_turn(vector):
    points = np.random.default_rng(0).normal(size=(6, 3))
    R = matrix_from_axis_angle(vector)
    np.testing.assert_allclose(align_points(points, points @ R.T + (1, 2, 3)), R, atol=1e-8)


def test_the_nearest_rotation_of_a_reflection_is_proper():
    assert np.linalg.det(nearest_rotation(np.diag([1.0, 1.0, -1.0]))) > 0
