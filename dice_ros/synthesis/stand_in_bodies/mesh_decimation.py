"""Thinning a triangle mesh to an exact number of vertices by collapsing edges.

A collapse moves one vertex onto a neighbour, so the vertices left are some of the old ones. It is
allowed only where it keeps the mesh a manifold (the link condition) and turns no triangle over.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from dice_ros.types import Float64Array, Int32Array

_LENGTH_SHARE = 0.25
_FLATTEST = 0.05
_TURN_COSINE_MIN = 0.3
_SHORTEST = 1e-15
_EQUILATERAL = 2.0 * math.sqrt(3.0)
"""Times twice an equilateral triangle's area gives the sum of its squared sides."""

_Vector = tuple[float, float, float]
_Corners = tuple[int, int, int]


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
    """Plain numbers, not arrays: a fan of six triangles is too small for those to pay."""

    def __init__(self, points: Float64Array, triangles: Int32Array, kept: frozenset[int]) -> None:
        self._points: list[_Vector] = [(x, y, z) for x, y, z in points.tolist()]
        self._triangles: list[_Corners] = [(a, b, c) for a, b, c in triangles.tolist()]
        self._directions = [_direction(self._normal(corners)) for corners in self._triangles]
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

    def _normal(self, corners: _Corners) -> _Vector:
        """Twice the area long."""
        a, b, c = (self._points[corner] for corner in corners)
        return _cross(_minus(b, a), _minus(c, a))

    def _cost(self, gone: int, stays: int) -> float:
        step = _minus(self._points[stays], self._points[gone])
        bump = max(abs(_dot(self._directions[number], step)) for number in self._around[gone])
        return bump + _LENGTH_SHARE * math.sqrt(_dot(step, step))

    def _allowed(self, gone: int, stays: int) -> bool:
        shared = self._around[gone] & self._around[stays]
        if gone in self._rim and (stays not in self._rim or len(shared) != 1):
            return False
        common = self._neighbours(gone) & self._neighbours(stays)
        if len(common) != len(shared):
            return False
        moved = self._around[gone] - shared
        return bool(moved) and all(self._may_move(number, gone, stays) for number in moved)

    def _may_move(self, number: int, gone: int, stays: int) -> bool:
        """Whether a triangle keeps its side and its shape."""
        corners = _replaced(self._triangles[number], gone, stays)
        after = self._normal(corners)
        length = math.sqrt(_dot(after, after))
        if _dot(self._directions[number], after) < _TURN_COSINE_MIN * length:
            return False
        a, b, c = (self._points[corner] for corner in corners)
        sides = (_minus(a, c), _minus(b, a), _minus(c, b))
        return _EQUILATERAL * length > _FLATTEST * sum(_dot(side, side) for side in sides)

    def _collapse(self, gone: int, stays: int) -> set[int]:
        """Returns the vertices around the change."""
        touched = self._neighbours(gone)
        shared = self._around[gone] & self._around[stays]
        for number in shared:
            for corner in self._triangles[number]:
                self._around[corner].discard(number)
        for number in self._around.pop(gone):
            self._triangles[number] = _replaced(self._triangles[number], gone, stays)
            self._directions[number] = _direction(self._normal(self._triangles[number]))
            self._around[stays].add(number)
        self._rim.discard(gone)
        return touched


def _replaced(corners: _Corners, gone: int, stays: int) -> _Corners:
    a, b, c = (stays if corner == gone else corner for corner in corners)
    return a, b, c


def _minus(a: _Vector, b: _Vector) -> _Vector:
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


def _dot(a: _Vector, b: _Vector) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _cross(a: _Vector, b: _Vector) -> _Vector:
    return (
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    )


def _direction(normal: _Vector) -> _Vector:
    length = max(math.sqrt(_dot(normal, normal)), _SHORTEST)
    return normal[0] / length, normal[1] / length, normal[2] / length
