"""Thinning a triangle mesh to an exact number of vertices by collapsing edges.

A collapse moves one vertex onto a neighbour, so the vertices left are some of the old ones. It is
allowed only where it keeps the mesh a manifold (the link condition) and turns no triangle over.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from dice_ros.types import Float64Array, Int32Array

_LENGTH_SHARE = 0.25
_FLATTEST = 0.05
_TURN_COSINE_MIN = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class ThinnedMesh:
    """What is left.

    Attributes:
        picked: (C,) int32, the old vertex each new one was.
        triangles: (F, 3) int32, between new vertices.
    """

    picked: Int32Array
    triangles: Int32Array


def thin_mesh(
    points: Float64Array,
    triangles: Int32Array,
    count: int,
    *,
    rim_count: int | None = None,
    kept: Iterable[int] = (),
) -> ThinnedMesh:
    """Collapse the edges that change the shape least until ``count`` vertices are left.

    Args:
        points: (V, 3) float64, metres.
        triangles: (F, 3) int32.
        count: vertices to be left.
        rim_count: vertices to be left on the open boundary; None if it does not matter.
        kept: vertices that must not go.

    Raises:
        ValueError: no more edges can be collapsed.
    """
    work = _Collapsing(points, triangles, frozenset(int(vertex) for vertex in kept))
    if rim_count is not None:
        work.collapse_until(lambda: work.rim_size() <= rim_count, on_rim=True)
    work.collapse_until(lambda: work.size <= count, on_rim=None if rim_count is None else False)
    return work.result()


class _Collapsing:
    def __init__(self, points: Float64Array, triangles: Int32Array, kept: frozenset[int]) -> None:
        self._points = points
        self._triangles = [tuple(int(corner) for corner in row) for row in triangles]
        self._around: dict[int, set[int]] = {}
        for number, corners in enumerate(self._triangles):
            for corner in corners:
                self._around.setdefault(corner, set()).add(number)
        self._kept = kept
        self._rim = {vertex for vertex in self._around if self._is_rim(vertex)}

    @property
    def size(self) -> int:
        return len(self._around)

    def rim_size(self) -> int:
        return len(self._rim)

    def collapse_until(self, done: Callable[[], bool], *, on_rim: bool | None) -> None:
        """Cheapest first; ``on_rim`` chooses which vertices may go (None: all)."""
        queue = [
            (self._cost(gone, stays), gone, stays)
            for gone in sorted(self._around)
            for stays in sorted(self._neighbours(gone))
            if self._may_go(gone, on_rim)
        ]
        heapq.heapify(queue)
        while not done():
            if not queue:
                raise ValueError(f"the mesh cannot be thinned below {self.size} vertices")
            cost, gone, stays = heapq.heappop(queue)
            if gone not in self._around or stays not in self._neighbours(gone):
                continue
            now = self._cost(gone, stays)
            if now > cost * (1.0 + 1e-9):
                heapq.heappush(queue, (now, gone, stays))
                continue
            if not self._allowed(gone, stays):
                continue
            for vertex in sorted(self._collapse(gone, stays)):
                if self._may_go(vertex, on_rim):
                    for other in sorted(self._neighbours(vertex)):
                        heapq.heappush(queue, (self._cost(vertex, other), vertex, other))

    def result(self) -> ThinnedMesh:
        picked = np.array(sorted(self._around), dtype=np.int32)
        slot = {int(vertex): number for number, vertex in enumerate(picked)}
        alive = sorted(set().union(*self._around.values()))
        triangles = [[slot[corner] for corner in self._triangles[number]] for number in alive]
        return ThinnedMesh(picked, np.array(triangles, dtype=np.int32))

    def _may_go(self, vertex: int, on_rim: bool | None) -> bool:
        return vertex not in self._kept and (on_rim is None or (vertex in self._rim) == on_rim)

    def _neighbours(self, vertex: int) -> set[int]:
        found = {c for number in self._around[vertex] for c in self._triangles[number]}
        found.discard(vertex)
        return found

    def _is_rim(self, vertex: int) -> bool:
        corners = {c for number in self._around[vertex] for c in self._triangles[number]}
        return len(corners) - 1 != len(self._around[vertex])

    def _cost(self, gone: int, stays: int) -> float:
        corners = self._points[[self._triangles[number] for number in sorted(self._around[gone])]]
        normals = _normals(corners)
        length = np.linalg.norm(normals, axis=1, keepdims=True)
        normals /= np.maximum(length, 1e-15)
        step = self._points[stays] - self._points[gone]
        bump = float(np.abs(normals @ step).max())
        return bump + _LENGTH_SHARE * float(np.linalg.norm(step))

    def _allowed(self, gone: int, stays: int) -> bool:
        shared = self._around[gone] & self._around[stays]
        if gone in self._rim and (stays not in self._rim or len(shared) != 1):
            return False
        common = self._neighbours(gone) & self._neighbours(stays)
        if len(common) != len(shared):
            return False
        moved = sorted(self._around[gone] - shared)
        if not moved:
            return False
        old = np.array([self._triangles[number] for number in moved])
        new = np.where(old == gone, stays, old)
        before, after = _normals(self._points[old]), _normals(self._points[new])
        sizes = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
        turned = np.einsum("ti,ti->t", before, after) < _TURN_COSINE_MIN * sizes
        return not turned.any() and bool((_roundness(self._points[new]) > _FLATTEST).all())

    def _collapse(self, gone: int, stays: int) -> set[int]:
        """Returns the vertices around the change."""
        touched = self._neighbours(gone)
        shared = self._around[gone] & self._around[stays]
        for number in shared:
            for corner in self._triangles[number]:
                self._around[corner].discard(number)
        for number in self._around.pop(gone):
            a, b, c = (stays if corner == gone else corner for corner in self._triangles[number])
            self._triangles[number] = (a, b, c)
            self._around[stays].add(number)
        self._rim.discard(gone)
        return touched


def _normals(corners: Float64Array) -> Float64Array:
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])


def _roundness(corners: Float64Array) -> Float64Array:
    """(T,) 1 for an equilateral triangle, 0 for a flat one."""
    sides = corners - np.roll(corners, 1, axis=1)
    areas = np.linalg.norm(_normals(corners), axis=1)
    return np.asarray(2.0 * np.sqrt(3.0) * areas / np.einsum("tki,tki->t", sides, sides))
