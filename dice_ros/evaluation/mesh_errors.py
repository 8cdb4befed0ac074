"""Distances between reconstructed points and true ones, in the same order. N frames, P points.

All take one frame (P, 3) or many (..., P, 3), in metres, and give one figure a frame, in
millimetres, shape (...).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dice_ros.body.similarity import align_similarity
from dice_ros.types import Float64Array

LARGE_DEFORMATION_M = 5e-3
"""Vertices whose true deformation is longer count as strongly deformed."""


def vertex_error_mm(found: NDArray[np.floating], true: NDArray[np.floating]) -> Float64Array:
    """Mean Euclidean distance of corresponding points (PVE, MPJPE, deformation error).

    Args:
        found, true: (..., P, 3) metres, same frame; P >= 1.
    """
    distances = np.linalg.norm(found - true, axis=-1).mean(axis=-1)
    return 1e3 * np.asarray(distances, dtype=np.float64)


def centred_error_mm(found: NDArray[np.floating], true: NDArray[np.floating]) -> Float64Array:
    """The same after each mesh is moved to its own mean: shape, pose and size without place."""
    return relative_error_mm(found, true, found, true)


def relative_error_mm(
    found: NDArray[np.floating],
    true: NDArray[np.floating],
    found_reference: NDArray[np.floating],
    true_reference: NDArray[np.floating],
) -> Float64Array:
    """Error of one mesh (a hand) in the frame of another (the head), by translation only.

    Args:
        found, true: (..., P, 3) metres.
        found_reference, true_reference: (..., R, 3) metres; their means become the origins.
    """
    return vertex_error_mm(
        found - found_reference.mean(axis=-2, keepdims=True),
        true - true_reference.mean(axis=-2, keepdims=True),
    )


def similarity_aligned_error_mm(
    found: NDArray[np.floating], true: NDArray[np.floating]
) -> Float64Array:
    """Error after the best turn, size and shift of each frame's points together (PA-MPJPE).

    Mirror images stay mirror images.

    Args:
        found, true: (N, P, 3) metres, P >= 3, not all on one line.

    Returns:
        (N,) mm.
    """
    aligned = [
        align_similarity(one, other).apply(one)
        for one, other in zip(found.astype(np.float64), true.astype(np.float64), strict=True)
    ]
    return vertex_error_mm(np.reshape(aligned, found.shape), true)


def large_deformation_error_mm(
    found: NDArray[np.floating], true: NDArray[np.floating], *, euclidean: bool = False
) -> tuple[Float64Array, NDArray[np.int64]]:
    """Errors of strongly deformed vertices, summed, with their number; pool by adding both.

    The published code adds up absolute coordinate differences instead of taking the Euclidean
    length; so does this unless told otherwise.

    Args:
        found, true: (..., V, 3) deformations, metres.
        euclidean: take lengths.

    Returns:
        Sums (...) in mm and vertex counts (...).
    """
    strong = np.linalg.norm(true, axis=-1) > LARGE_DEFORMATION_M
    errors = np.linalg.norm(found - true, ord=None if euclidean else 1, axis=-1)
    sums = np.where(strong, errors, 0.0).sum(axis=-1)
    return 1e3 * np.asarray(sums, dtype=np.float64), strong.sum(axis=-1)
