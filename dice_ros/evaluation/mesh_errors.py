"""Distances between a reconstructed mesh and the true one of the same topology."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def vertex_error_mm(found: NDArray[np.floating], true: NDArray[np.floating]) -> float:
    """Mean Euclidean distance of corresponding vertices.

    Args:
        found, true: (V, 3) metres, same frame; V >= 1.
    """
    return 1e3 * float(np.linalg.norm(found - true, axis=1).mean())


def centred_error_mm(found: NDArray[np.floating], true: NDArray[np.floating]) -> float:
    """The same after each mesh is moved to its own mean: shape, pose and size without place."""
    return vertex_error_mm(found - found.mean(axis=0), true - true.mean(axis=0))


def relative_error_mm(
    found: NDArray[np.floating],
    true: NDArray[np.floating],
    found_reference: NDArray[np.floating],
    true_reference: NDArray[np.floating],
) -> float:
    """Error of one mesh (a hand) in the frame of another (the head), by translation only.

    Args:
        found, true: (V, 3) metres.
        found_reference, true_reference: (W, 3) metres; their means become the origins.
    """
    return vertex_error_mm(found - found_reference.mean(axis=0), true - true_reference.mean(axis=0))
