"""Places on a triangle mesh: the triangle and where in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from dice_ros.body.barycentric import barycentric_of
from dice_ros.contact.mesh_surface import closest_on_triangles
from dice_ros.types import Float64Array, Int32Array

_NEAR_TRIANGLES = 48


@dataclass(frozen=True, slots=True, eq=False)
class SurfacePlaces:
    """N places.

    Attributes:
        triangles: (N,) int32.
        barycentric: (N, 3) float64, weights of the corners, >= 0, sum 1.
    """

    triangles: Int32Array
    barycentric: Float64Array


def nearest_places(
    points: Float64Array, vertices: Float64Array, triangles: Int32Array
) -> SurfacePlaces:
    """Where points (N, 3) are closest to a mesh, sought on the 48 triangles around each."""
    corners = vertices[triangles]
    count = min(_NEAR_TRIANGLES, len(triangles))
    near = np.asarray(cKDTree(corners.mean(axis=1)).query(points, k=count)[1])
    feet = closest_on_triangles(points[:, None], corners[near])
    best = np.round(np.linalg.norm(feet - points[:, None], axis=2), 12).argmin(axis=1)
    rows = np.arange(len(points))
    chosen = near[rows, best]
    weights = np.clip(barycentric_of(feet[rows, best], corners[chosen]), 0.0, 1.0)
    return SurfacePlaces(
        chosen.astype(np.int32), np.asarray(weights / weights.sum(axis=1, keepdims=True))
    )
