"""Regressors that find joints as weighted sums of vertices."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csc_matrix

from dice_ros.types import Float64Array, Int32Array

_LEVER_M = 0.05


def joint_regressor(
    template: Float64Array, joints: Float64Array, members: list[Int32Array]
) -> csc_matrix:
    """The evenest weights over each joint's vertices that sum to 1 and meet the joint.

    Args:
        template: (V, 3) metres.
        joints: (J, 3) metres.
        members: for each joint the numbers of the vertices to use, at least 4 in space.

    Returns:
        (J, V) sparse float64. Weights may be negative where a joint lies outside its vertices.
    """
    rows, columns, weights = [], [], []
    for number, (joint, chosen) in enumerate(zip(joints, members, strict=True)):
        offsets = (template[chosen] - joint) / _LEVER_M
        A = np.vstack([np.ones(len(chosen)), offsets.T])
        even = np.full(len(chosen), 1.0 / len(chosen))
        wanted = np.array([1.0, 0.0, 0.0, 0.0]) - A @ even
        weights.append(even + np.linalg.lstsq(A, wanted, rcond=None)[0])
        rows.append(np.full(len(chosen), number))
        columns.append(chosen)
    entries = (np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns)))
    return csc_matrix(entries, shape=(len(joints), len(template)))


def nearest_vertices(template: Float64Array, place: Float64Array, count: int) -> Int32Array:
    """The ``count`` vertices nearest to a place, by number."""
    gaps = np.round(np.linalg.norm(template - place, axis=1), 9)
    return np.sort(np.argsort(gaps, kind="stable")[:count]).astype(np.int32)
