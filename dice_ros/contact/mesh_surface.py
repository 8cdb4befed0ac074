"""Signed distances from points to a mesh that moves: exact on the triangles near each point.

The closest point is sought on the triangles around the nearest few vertices, which is exact for
the even, finely meshed surfaces of hands and heads as long as a point is not much farther away
than an edge is long; farther away, where only the rough distance matters, it errs by less than
half an edge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from dice_ros.body.vertex_normals import vertex_normals
from dice_ros.types import Float32Array, Float64Array, Int32Array

_NEAREST_VERTICES = 2


@dataclass(frozen=True, slots=True, eq=False)
class ClosestPoints:
    """Where points are closest to a surface.

    Attributes:
        points: (N, 3) float64, metres, on the surface.
        signed_distance: (N,) float64, metres, negative inside.
        vertex: (N,) int32, the nearest vertex of the surface.
    """

    points: Float64Array
    signed_distance: Float64Array
    vertex: Int32Array


class MeshNeighbours:
    """Which triangles meet at each vertex; constant for a topology.

    Args:
        triangles: (F, 3) int32.
        vertex_count: V.
    """

    def __init__(self, triangles: Int32Array, vertex_count: int) -> None:
        owners = triangles.ravel()
        order = np.argsort(owners, kind="stable")
        counts = np.bincount(owners, minlength=vertex_count)
        width = int(counts.max(initial=1))
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        slots = starts[:, None] + np.minimum(np.arange(width), np.maximum(counts - 1, 0)[:, None])
        # Vertices with fewer triangles repeat their last one, which changes no minimum.
        incident = (order // 3)[np.minimum(slots, len(order) - 1)]
        self.triangles = triangles
        self.vertex_count = vertex_count
        self.incident = np.where(counts[:, None] > 0, incident, 0).astype(np.int32)  # (V, width)


class MeshSurface:
    """One position of a mesh.

    Args:
        neighbours: the topology's table.
        vertices: (V, 3) metres.
    """

    def __init__(self, neighbours: MeshNeighbours, vertices: NDArray[np.floating]) -> None:
        self._neighbours = neighbours
        self.vertices = np.asarray(vertices, dtype=np.float64)
        self._tree = cKDTree(self.vertices, balanced_tree=False, compact_nodes=False)
        self._normals: Float32Array | None = None

    @property
    def bounds(self) -> tuple[Float64Array, Float64Array]:
        """Lowest and highest corner (3,) of the bounding box."""
        return self.vertices.min(axis=0), self.vertices.max(axis=0)

    @property
    def normals(self) -> Float32Array:
        """(V, 3) float32 unit vertex normals."""
        if self._normals is None:
            self._normals = vertex_normals(self.vertices, self._neighbours.triangles)
        return self._normals

    def closest(self, points: NDArray[np.floating]) -> ClosestPoints:
        """Closest surface points and signed distances.

        Args:
            points: (N, 3) metres.
        """
        queries = np.asarray(points, dtype=np.float64)
        if not len(queries):
            return ClosestPoints(np.zeros((0, 3)), np.zeros(0), np.zeros(0, dtype=np.int32))
        near = np.asarray(self._tree.query(queries, k=_NEAREST_VERTICES)[1])
        candidates = self._neighbours.incident[near].reshape(len(queries), -1)
        corners = self.vertices[self._neighbours.triangles[candidates]]  # (N, C, 3, 3)
        feet = closest_on_triangles(queries[:, None], corners)
        offsets = queries[:, None] - feet
        squared = np.einsum("nci,nci->nc", offsets, offsets)
        best = np.argmin(squared, axis=1)
        rows = np.arange(len(queries))
        foot, offset = feet[rows, best], offsets[rows, best]
        vertex = near[:, 0]
        inside = np.einsum("ni,ni->n", offset, self._sign_normals(candidates[rows, best], foot)) < 0
        distance = np.sqrt(squared[rows, best])
        return ClosestPoints(foot, np.where(inside, -distance, distance), vertex.astype(np.int32))

    def _sign_normals(self, triangles: Int32Array, feet: Float64Array) -> Float64Array:
        """Vertex normals interpolated at the feet: continuous across edges, unlike facets."""
        corners = self._neighbours.triangles[triangles]  # (N, 3)
        gaps = np.linalg.norm(self.vertices[corners] - feet[:, None], axis=2)
        weights = 1.0 / (gaps + 1e-9)
        return np.asarray(np.einsum("nk,nki->ni", weights, self.normals[corners]))


def closest_on_triangles(points: Float64Array, corners: Float64Array) -> Float64Array:
    """Closest points on triangles, by the Voronoi regions of a triangle (Ericson 2005, 5.1.5).

    Args:
        points: (..., 3).
        corners: (..., 3 corners, 3), with an area; of a triangle without one, some point of it is
            returned that need not be the closest.

    Returns:
        (..., 3) float64.
    """
    a, b, c = corners[..., 0, :], corners[..., 1, :], corners[..., 2, :]
    ab, ac = b - a, c - a
    ap, bp, cp = points - a, points - b, points - c
    d1, d2 = _dot(ab, ap), _dot(ac, ap)
    d3, d4 = _dot(ab, bp), _dot(ac, bp)
    d5, d6 = _dot(ab, cp), _dot(ac, cp)
    va, vb, vc = d3 * d6 - d5 * d4, d5 * d2 - d1 * d6, d1 * d4 - d3 * d2

    at_a = (d1 <= 0) & (d2 <= 0)
    at_b = (d3 >= 0) & (d4 <= d3)
    at_c = (d6 >= 0) & (d5 <= d6)
    on_ab = (vc <= 0) & (d1 >= 0) & (d3 <= 0)
    on_ac = (vb <= 0) & (d2 >= 0) & (d6 <= 0)
    on_bc = (va <= 0) & (d4 - d3 >= 0) & (d5 - d6 >= 0)
    regions = [at_a, at_b, on_ab, at_c, on_ac, on_bc]
    along_ab, along_ac = _ratio(d1, d1 - d3), _ratio(d2, d2 - d6)
    along_bc = _ratio(d4 - d3, (d4 - d3) + (d5 - d6))
    total = va + vb + vc
    zero, one = np.zeros_like(d1), np.ones_like(d1)
    v = np.select(regions, [zero, one, along_ab, zero, zero, 1.0 - along_bc], _ratio(vb, total))
    w = np.select(regions, [zero, zero, zero, one, along_ac, along_bc], _ratio(vc, total))
    return np.asarray(a + v[..., None] * ab + w[..., None] * ac)


def _dot(left: Float64Array, right: Float64Array) -> Float64Array:
    return np.asarray(np.einsum("...i,...i->...", left, right))


def _ratio(part: Float64Array, whole: Float64Array) -> Float64Array:
    return np.asarray(part / np.where(np.abs(whole) > 0, whole, 1.0))
