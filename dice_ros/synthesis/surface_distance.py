"""Exact distances from points to triangle meshes, for ground truth: slow and certain.

P points, F triangles. Inside is decided by the winding number (Jacobson et al., "Robust
inside-outside segmentation using generalized winding numbers", 2013), which stays right where a
posed hand folds into itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from dice_ros.types import BoolArray, Float64Array, Int32Array

_NEIGHBOURS = 16
_WINDING_BLOCK = 256


@dataclass(frozen=True, slots=True, eq=False)
class ClosestPoints:
    """Nearest surface points.

    Attributes:
        distance: (P,) float64, metres, >= 0; inf where nothing is within the asked reach.
        point: (P, 3) float64, metres; NaN where out of reach.
        triangle: (P,) int64, index; -1 where out of reach.
        barycentric: (P, 3) float64, weights of the triangle's corners; NaN where out of reach.
    """

    distance: Float64Array
    point: Float64Array
    triangle: NDArray[np.int64]
    barycentric: Float64Array


class Surface:
    """A triangle mesh that answers distance questions.

    Args:
        vertices: (V, 3) metres.
        triangles: (F, 3) indices, counter-clockwise seen from outside, F >= 1.
    """

    def __init__(self, vertices: NDArray[np.floating], triangles: Int32Array) -> None:
        self.triangles = triangles
        self.corners: Float64Array = np.asarray(vertices, dtype=np.float64)[triangles]
        centroids = self.corners.mean(1)
        self._centroids = centroids
        self._radii = np.linalg.norm(self.corners - centroids[:, None], axis=2).max(1)
        self._radius = float(self._radii.max())
        self._tree = cKDTree(centroids)
        self._low, self._high = self.corners.min((0, 1)), self.corners.max((0, 1))

    def normals(self, triangles: NDArray[np.int64]) -> Float64Array:
        """(N, 3) unit normals of some triangles."""
        corners = self.corners[triangles]
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        length = np.linalg.norm(normals, axis=1, keepdims=True)
        return np.asarray(normals / np.maximum(length, 1e-30))

    def closest(self, points: NDArray[np.floating], reach: float = np.inf) -> ClosestPoints:
        """Nearest surface point of every point that lies within ``reach`` metres of the surface.

        Args:
            points: (P, 3) metres.
        """
        points64: Float64Array = np.asarray(points, dtype=np.float64)
        count = len(points)
        distance = np.full(count, np.inf)
        nearest = np.full((count, 3), np.nan)
        triangle = np.full(count, -1, dtype=np.int64)
        barycentric = np.full((count, 3), np.nan)
        for block in _blocks(np.flatnonzero(self._maybe_within(points64, reach)), 4096):
            pairs = self._candidates(points64[block], reach)
            rows, faces = pairs.row, pairs.triangle
            weights = _closest_weights(points64[block][rows], self.corners[faces])
            where = np.einsum("nk,nkc->nc", weights, self.corners[faces])
            length = np.linalg.norm(where - points64[block][rows], axis=1)
            order = np.lexsort((faces, length, rows))
            best = order[np.flatnonzero(np.diff(rows[order], prepend=-1))]
            within = best[length[best] <= reach]
            target = block[rows[within]]
            distance[target], nearest[target] = length[within], where[within]
            triangle[target], barycentric[target] = faces[within], weights[within]
        return ClosestPoints(distance, nearest, triangle, barycentric)

    def smallest_distance(self, points: NDArray[np.floating]) -> float:
        """Distance of the nearest of all points to the surface, metres; sign is not considered."""
        points64: Float64Array = np.asarray(points, dtype=np.float64)
        rough = np.asarray(self._tree.query(points64)[0])
        first = np.argsort(rough)[:_NEIGHBOURS]
        bound = float(self.closest(points64[first]).distance.min())
        rest = np.setdiff1d(np.flatnonzero(rough - self._radius <= bound), first)
        return min(bound, float(self.closest(points64[rest], bound).distance.min(initial=bound)))

    def inside(self, points: NDArray[np.floating]) -> BoolArray:
        """(P,) bool, True for points enclosed by the (watertight) surface."""
        points64: Float64Array = np.asarray(points, dtype=np.float64)
        result = np.zeros(len(points), dtype=bool)
        boxed = np.flatnonzero(((points64 > self._low) & (points64 < self._high)).all(1))
        angles = _SolidAngles.of(self.corners)
        for block in _blocks(boxed, _WINDING_BLOCK):
            result[block] = angles.winding(points64[block]) > 0.5
        return result

    def _maybe_within(self, points: Float64Array, reach: float) -> BoolArray:
        if not np.isfinite(reach):
            return np.ones(len(points), dtype=bool)
        rough, _ = self._tree.query(points, distance_upper_bound=reach + self._radius)
        return np.asarray(np.isfinite(rough))

    def _candidates(self, points: Float64Array, reach: float) -> _Pairs:
        """Pairs that surely contain every point's nearest triangle, if that is within reach.

        The nearest triangle is no farther than the nearest centroid, and no triangle is nearer
        than its centroid less its own radius.
        """
        count = min(_NEIGHBOURS, len(self.triangles))
        found = self._tree.query(points, k=count)
        rough, faces = (np.asarray(part).reshape(len(points), -1) for part in found)
        limit = np.minimum(rough[:, 0], reach)
        rows = np.repeat(np.arange(len(points)), count)
        pairs = _Pairs(rows, faces.ravel())
        unsure = np.flatnonzero(rough[:, -1] <= limit + self._radius)
        if len(unsure) and count < len(self.triangles):
            lists = self._tree.query_ball_point(points[unsure], limit[unsure] + self._radius)
            extra = np.concatenate([np.asarray(found, dtype=np.int64) for found in lists])
            extra_rows = np.repeat(unsure, [len(found) for found in lists])
            sure = ~np.isin(rows, unsure)
            pairs = _Pairs(
                np.concatenate([rows[sure], extra_rows]),
                np.concatenate([pairs.triangle[sure], extra]),
            )
        apart = np.linalg.norm(points[pairs.row] - self._centroids[pairs.triangle], axis=1)
        near = apart <= (limit[pairs.row] + self._radii[pairs.triangle]) * (1.0 + 1e-12)
        return _Pairs(pairs.row[near], pairs.triangle[near])


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """Which point (row) is compared with which triangle."""

    row: NDArray[np.int64]
    triangle: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class _SolidAngles:
    """Solid angles of triangles (Van Oosterom and Strackee, 1983) as products with the points.

    With corners a, b, c seen from p, the determinant and all dot products are polynomials in p
    whose coefficients depend on the mesh alone, so a block of points takes a few matrix products.
    """

    centre: Float64Array
    corners: Float64Array
    determinant: Float64Array
    determinant_slope: Float64Array
    products: Float64Array

    @staticmethod
    def of(corners: Float64Array) -> _SolidAngles:
        """Prepare for triangles (F, 3, 3)."""
        centre = corners.mean((0, 1))
        a, b, c = (corners[:, corner] - centre for corner in range(3))
        slope = np.cross(a, b) + np.cross(b, c) + np.cross(c, a)
        determinant = np.einsum("fi,fi->f", a, np.cross(b, c))
        products = np.stack([(a * b).sum(1), (b * c).sum(1), (c * a).sum(1)])
        return _SolidAngles(centre, np.stack([a, b, c]), determinant, slope, products)

    def winding(self, points: Float64Array) -> Float64Array:
        """(P,) winding number: 1 inside a closed surface, 0 outside."""
        p = points - self.centre
        square = (p * p).sum(1)[:, None]
        along = [p @ corner.T for corner in self.corners]  # each (P, F)
        length = [
            np.sqrt(np.maximum(square - 2.0 * dot + (corner * corner).sum(1), 0.0))
            for dot, corner in zip(along, self.corners, strict=True)
        ]
        numerator = self.determinant - p @ self.determinant_slope.T
        denominator = length[0] * length[1] * length[2]
        for first in range(3):
            second, third = (first + 1) % 3, (first + 2) % 3
            dot = self.products[first] - along[first] - along[second] + square
            denominator += dot * length[third]
        return np.asarray(np.arctan2(numerator, denominator).sum(1) / (2.0 * np.pi))


def _closest_weights(points: Float64Array, corners: Float64Array) -> Float64Array:
    """Barycentric weights of the nearest point of a triangle, row by row.

    The nearest point is the projection onto the plane if that lies inside, else the nearest of
    the nearest points on the three edges.

    Args:
        points: (N, 3).
        corners: (N, 3, 3).
    """
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    ab, ac, ap = b - a, c - a, points - a
    d00, d01, d11 = (ab * ab).sum(1), (ab * ac).sum(1), (ac * ac).sum(1)
    d20, d21 = (ap * ab).sum(1), (ap * ac).sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = 1.0 / (d00 * d11 - d01 * d01)
        v = (d11 * d20 - d01 * d21) * inverse
        w = (d00 * d21 - d01 * d20) * inverse
    flat = np.stack([1.0 - v - w, v, w], axis=1)
    with np.errstate(invalid="ignore"):
        outside = ~((flat >= 0.0).all(1) & np.isfinite(flat).all(1))
    result = flat
    best = np.full(len(points), np.inf)
    for first in range(3):
        second = (first + 1) % 3
        start, edge = corners[:, first], corners[:, second] - corners[:, first]
        along = ((points - start) * edge).sum(1) / np.maximum((edge * edge).sum(1), 1e-30)
        along = np.clip(along, 0.0, 1.0)
        gap = np.linalg.norm(points - start - along[:, None] * edge, axis=1)
        better = np.flatnonzero(outside & (gap < best))
        best[better] = gap[better]
        result[better] = 0.0
        result[better, first] = 1.0 - along[better]
        result[better, second] = along[better]
    return result


def _blocks(rows: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]
