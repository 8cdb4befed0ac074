"""What is constant about a mesh when distances to it are measured: neighbours and openings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

Int64Array = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class MeshIncidence:
    """Tables of one topology. V vertices, F triangles, B edges around openings, L openings.

    Attributes:
        triangles: (F, 3) int64, all wound the same way (which way does not matter).
        vertex_count: V.
        used: (U,) int64 vertices that belong to a triangle.
        starts: (U,) int64, where the triangles of each used vertex begin in ``incident``.
        counts: (U,) int64, how many there are.
        incident: (3 F,) int64 triangles, grouped by used vertex.
        incident_corners: (3, 3 F) int64, their corners.
        edges: (E, 2) int64, each once.
        triangle_edges: (3, F) int64, the edges of each triangle.
        opening_count: L; 0 for a watertight mesh.
        cones: (B, 3) int64, triangles that close the openings: the apex of opening l is vertex
            V + l, the base is an edge that no other triangle takes back, reversed.
        cone_opening: (B,) int64, which opening each belongs to.
        closed: (3, F + B) int64, corners of all triangles, those of the cones last.
    """

    triangles: Int64Array
    vertex_count: int
    used: Int64Array
    starts: Int64Array
    counts: Int64Array
    incident: Int64Array
    incident_corners: Int64Array
    edges: Int64Array
    triangle_edges: Int64Array
    opening_count: int
    cones: Int64Array
    cone_opening: Int64Array
    closed: Int64Array

    @staticmethod
    def of(triangles: NDArray[np.integer], vertex_count: int) -> MeshIncidence:
        """Make the tables; once per topology.

        Args:
            triangles: (F, 3) indices, F >= 1.
            vertex_count: V.

        Raises:
            ValueError: there is no triangle, or one names a vertex that does not exist.
        """
        faces = np.ascontiguousarray(triangles, dtype=np.int64)
        if faces.ndim != 2 or faces.shape[1:] != (3,) or not len(faces):
            raise ValueError(f"triangles are {faces.shape}, expected (F, 3) with F >= 1")
        if faces.min() < 0 or faces.max() >= vertex_count:
            raise ValueError(
                f"triangles name vertices {faces.min()}..{faces.max()}, expected "
                f"0..{vertex_count - 1}"
            )
        owners = faces.ravel()
        order = np.argsort(owners, kind="stable")
        used, starts, counts = np.unique(owners[order], return_index=True, return_counts=True)
        sides = faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
        names, slot = np.unique(_names(sides, vertex_count), return_inverse=True)
        edges = np.stack([names // vertex_count, names % vertex_count], axis=1)
        rim = _rim(sides, edges, slot)
        openings, labels = _openings(rim, vertex_count)
        cones = np.stack([vertex_count + labels, rim[:, 1], rim[:, 0]], axis=1)
        return MeshIncidence(
            triangles=faces,
            vertex_count=vertex_count,
            used=used,
            starts=starts,
            counts=counts,
            incident=order // 3,
            incident_corners=np.ascontiguousarray(faces[order // 3].T),
            edges=edges,
            triangle_edges=np.ascontiguousarray(slot.reshape(-1, 3).T),
            opening_count=openings,
            cones=cones,
            cone_opening=labels,
            closed=np.ascontiguousarray(np.concatenate([faces, cones]).T),
        )


def _names(sides: Int64Array, vertex_count: int) -> Int64Array:
    """One number for each pair of vertices, whatever their order."""
    return np.asarray(sides.min(axis=1) * vertex_count + sides.max(axis=1))


def _rim(sides: Int64Array, edges: Int64Array, slot: Int64Array) -> Int64Array:
    """Directed edges left over when opposite ones cancel; repeated if several are left."""
    forward = np.where(sides[:, 0] < sides[:, 1], 1.0, -1.0)
    net = np.bincount(slot, forward, minlength=len(edges)).astype(np.int64)
    net[edges[:, 0] == edges[:, 1]] = 0
    left = np.flatnonzero(net)
    pairs = np.where((net[left] > 0)[:, None], edges[left], edges[left, ::-1])
    return np.asarray(np.repeat(pairs, np.abs(net[left]), axis=0))


def _openings(rim: Int64Array, vertex_count: int) -> tuple[int, Int64Array]:
    if not len(rim):
        return 0, np.zeros(0, dtype=np.int64)
    graph = coo_matrix(
        (np.ones(len(rim)), (rim[:, 0], rim[:, 1])), shape=(vertex_count, vertex_count)
    )
    labels = np.asarray(connected_components(graph, directed=False)[1])[rim[:, 0]]
    names, compact = np.unique(labels, return_inverse=True)
    return len(names), compact.astype(np.int64)
