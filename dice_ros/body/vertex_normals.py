"""Smooth normals of triangle meshes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dice_ros.types import Float32Array, Int32Array


def vertex_normals(vertices: NDArray[np.floating], triangles: Int32Array) -> Float32Array:
    """Area-weighted unit normals at the vertices.

    Args:
        vertices: (V, 3), any unit.
        triangles: (F, 3) indices, counter-clockwise seen from outside.

    Returns:
        (V, 3) float32, pointing outwards; zero for vertices of no (or only degenerate) triangles.
    """
    first, second, third = (vertices[triangles[:, corner]] for corner in range(3))
    faces = np.cross(second - first, third - first)
    owners = triangles.ravel(order="F")
    count = len(vertices)
    summed = np.stack(
        [np.bincount(owners, np.tile(faces[:, axis], 3), minlength=count) for axis in range(3)],
        axis=1,
    )
    length = np.linalg.norm(summed, axis=1, keepdims=True)
    np.divide(summed, length, out=summed, where=length > 0)
    return summed.astype(np.float32)
