"""Signed distances from points to a mesh that moves: positive inside, the same every time.

The published figures were computed with ``pysdf``, whose sign near openings depends on a random
rotation and whose distance is to the triangles around the nearest vertex. Here the sign is that of
the generalised winding number and the distance is to the closest triangle of all.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dice_ros.evaluation.mesh_distance import check_finite, mesh_distances
from dice_ros.evaluation.mesh_incidence import MeshIncidence
from dice_ros.evaluation.winding_number import WindingNumbers
from dice_ros.types import Float64Array


class SignedDistance:
    """Measures points against positions of one topology. N frames, V vertices, P points.

    Args:
        triangles: (F, 3) indices, all wound the same way.
        vertex_count: V.

    Raises:
        ValueError: a triangle names a vertex that does not exist.
    """

    def __init__(self, triangles: NDArray[np.integer], vertex_count: int) -> None:
        self._incidence = MeshIncidence.of(triangles, vertex_count)

    def measure(self, vertices: NDArray[np.floating], points: NDArray[np.floating]) -> Float64Array:
        """Signed distances, frame by frame.

        Args:
            vertices: (N, V, 3) metres.
            points: (N, P, 3) metres, same frame of reference.

        Returns:
            (N, P) float64, metres, >= 0 inside.

        Raises:
            ValueError: shapes do not fit, or a number is not finite.
        """
        expected = (len(points), self._incidence.vertex_count, 3)
        if vertices.shape != expected or points.ndim != 3 or points.shape[2] != 3:
            raise ValueError(
                f"vertices are {vertices.shape} and points {points.shape}, expected {expected} and "
                "(N, P, 3)"
            )
        check_finite("vertices", vertices)
        check_finite("points", points)
        result = np.empty(points.shape[:2])
        for frame, (mesh, queries) in enumerate(zip(vertices, points, strict=True)):
            result[frame] = self._one(mesh.astype(np.float64), queries.astype(np.float64))
        return result

    def _one(self, mesh: Float64Array, queries: Float64Array) -> Float64Array:
        if not len(queries):
            return np.zeros(0)
        distance = mesh_distances(self._incidence, mesh, queries)
        inside = WindingNumbers(self._incidence, mesh).inside(queries)
        return np.asarray(np.where(inside, distance, -distance))
