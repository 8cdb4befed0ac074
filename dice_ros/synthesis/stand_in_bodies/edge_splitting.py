"""Refining a triangle mesh by splitting edges at their middle: stays a manifold by construction."""

from __future__ import annotations

import numpy as np

from dice_ros.types import BoolArray, Float64Array, Int32Array


class SplittingMesh:
    """A mesh whose edges are split one at a time.

    Args:
        points: (V, 3) float64.
        triangles: (F, 3) int32.

    Attributes:
        points: (V', 3) float64; new vertices come last.
        parents: (V' - V) pairs of the vertices each new one lies between; these come before it.
    """

    def __init__(self, points: Float64Array, triangles: Int32Array) -> None:
        self.points = points.copy()
        self.parents: list[tuple[int, int]] = []
        self._triangles = triangles.astype(np.int32)

    @property
    def triangles(self) -> Int32Array:
        """(F', 3) int32, wound as before."""
        return self._triangles

    def longest_edge(self, eligible: BoolArray, *, on_rim: bool | None = None) -> tuple[int, int]:
        """The longest edge between eligible vertices; of equal ones, the first by vertex number.

        Args:
            eligible: (V',) bool.
            on_rim: True for edges of one triangle, False for edges of two; None for either.
        """
        edges, counts = mesh_edges(self._triangles)
        wanted = eligible[edges].all(axis=1)
        if on_rim is not None:
            wanted &= (counts == 1) == on_rim
        edges = edges[wanted]
        lengths = np.linalg.norm(self.points[edges[:, 0]] - self.points[edges[:, 1]], axis=1)
        start, end = edges[int(np.argmax(np.round(lengths, 9)))]
        return int(start), int(end)

    def split(self, start: int, end: int) -> int:
        """Put a vertex in the middle of an edge; returns its number."""
        middle = len(self.points)
        place = 0.5 * (self.points[start] + self.points[end])
        self.points = np.concatenate([self.points, place[None]])
        self.parents.append((start, end))
        around = ((self._triangles == start) | (self._triangles == end)).sum(axis=1) == 2
        halves = [self._triangles[around].copy() for _ in range(2)]
        halves[0][halves[0] == start] = middle
        halves[1][halves[1] == end] = middle
        self._triangles = np.concatenate([self._triangles[~around], *halves])
        return middle


def mesh_edges(triangles: Int32Array) -> tuple[Int32Array, Int32Array]:
    """Edges (E, 2) with the smaller vertex first, sorted, and in how many triangles each is."""
    sides = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    low, high = sides.min(axis=1).astype(np.int64), sides.max(axis=1)
    # One number an edge: sorted much faster than rows of two.
    base = int(triangles.max()) + 1
    keys, counts = np.unique(low * base + high, return_counts=True)
    return np.stack(divmod(keys, base), axis=1).astype(np.int32), counts.astype(np.int32)


def rim_loop(triangles: Int32Array) -> Int32Array:
    """The one open boundary of a mesh as a loop of vertices, in the direction its triangles run.

    Raises:
        ValueError: the mesh has no boundary or more than one.
    """
    sides = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    existing = set(map(tuple, sides.tolist()))
    following = {start: end for start, end in existing if (end, start) not in existing}
    if not following:
        raise ValueError("the mesh is closed, expected one open boundary")
    loop = [min(following)]
    while following[loop[-1]] != loop[0]:
        loop.append(following[loop[-1]])
    if len(loop) != len(following):
        raise ValueError("the mesh has more than one open boundary, expected one")
    return np.array(loop, dtype=np.int32)
