"""Rotations as axis-angle vectors and matrices, batched (Rodrigues' formula)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float64Array = NDArray[np.float64]


def cross_matrix(vectors: Float64Array) -> Float64Array:
    """Matrices M with ``M @ w == cross(v, w)``.

    Args:
        vectors: (..., 3).

    Returns:
        (..., 3, 3) float64.
    """
    result = np.zeros((*vectors.shape, 3))
    x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    result[..., 0, 1], result[..., 0, 2] = -z, y
    result[..., 1, 0], result[..., 1, 2] = z, -x
    result[..., 2, 0], result[..., 2, 1] = -y, x
    return result


def rotation_about(axes: Float64Array, angles: Float64Array) -> Float64Array:
    """Rotation matrices about unit axes.

    Args:
        axes: (..., 3) unit vectors.
        angles: (...) radians, right-handed.

    Returns:
        (..., 3, 3) float64.
    """
    K = cross_matrix(axes)
    sine = np.sin(angles)[..., None, None]
    versine = (1.0 - np.cos(angles))[..., None, None]
    return np.asarray(np.eye(3) + sine * K + versine * (K @ K))


def matrix_from_axis_angle(vector: Float64Array) -> Float64Array:
    """(3,) axis-angle, radians -> (3, 3) rotation matrix."""
    angle = float(np.linalg.norm(vector))
    if angle < 1e-12:
        return np.asarray(np.eye(3) + cross_matrix(vector))
    return rotation_about(vector / angle, np.asarray(angle))


def axis_angle_from_matrix(R: Float64Array) -> Float64Array:
    """(3, 3) rotation matrix -> (3,) axis-angle, radians, angle in [0, pi]."""
    skew = np.array([R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]])
    sine, cosine = 0.5 * float(np.linalg.norm(skew)), 0.5 * (float(np.trace(R)) - 1.0)
    angle = float(np.arctan2(sine, cosine))
    if sine > 1e-9:
        return np.asarray(skew * (0.5 * angle / sine))
    if cosine > 0.0:
        return np.asarray(0.5 * skew)
    # Half a turn: the axis is the eigenvector of R for eigenvalue 1, its sign is free.
    column = int(np.argmax(np.diag(R)))
    axis = R[:, column] + np.eye(3)[column]
    return np.asarray(axis * (angle / np.linalg.norm(axis)))


def nearest_rotation(matrix: Float64Array) -> Float64Array:
    """The proper rotation closest to a (3, 3) matrix in the Frobenius norm (SVD)."""
    U, _, Vt = np.linalg.svd(matrix)
    U[:, -1] *= np.sign(np.linalg.det(U @ Vt))
    return np.asarray(U @ Vt)


def align_points(
    source: Float64Array, target: Float64Array, weights: Float64Array | None = None
) -> Float64Array:
    """Rotation that best turns centred ``source`` onto centred ``target`` (Kabsch).

    Args:
        source, target: (N, 3), same order, N >= 3.
        weights: (N,) >= 0; None for equal ones.

    Returns:
        (3, 3) rotation R with ``R @ source ~ target``.
    """
    w = np.ones(len(source)) if weights is None else weights
    w = (w / w.sum())[:, None]
    a = source - (w * source).sum(0)
    b = target - (w * target).sum(0)
    return nearest_rotation(b.T @ (w * a))


def quaternion_from_matrix(R: Float64Array) -> Float64Array:
    """(3, 3) rotation matrix -> (4,) unit quaternion x, y, z, w with w >= 0."""
    vector = axis_angle_from_matrix(R)
    angle = float(np.linalg.norm(vector))
    half = 0.5 * angle
    share = 0.5 if angle < 1e-9 else np.sin(half) / angle
    return np.asarray(np.append(share * vector, np.cos(half)))


def matrix_from_quaternion(quaternion: Float64Array) -> Float64Array:
    """(4,) unit quaternion x, y, z, w -> (3, 3) rotation matrix."""
    vector, w = quaternion[:3], float(quaternion[3])
    K = cross_matrix(vector)
    return np.asarray(np.eye(3) + 2.0 * w * K + 2.0 * (K @ K))
