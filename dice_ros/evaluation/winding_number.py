"""Generalised winding numbers (Jacobson et al. 2013) of points around a triangle mesh, exactly.

The number says how often the surface wraps around a point: 1 inside and 0 outside a closed mesh, 2
in a closed shell inside another one, and something in between near an opening. Summing solid
angles over 10 000 triangles is slow. Instead every opening is closed by a cone from the middle of
its rim; around the closed surface the number is an integer, found by counting signed crossings of
one ray; and the cones' own share, a few solid angles, is taken off again. Rim edges cancel, so
this is an identity, not an approximation, for any mesh.
"""

from __future__ import annotations

import numpy as np

from dice_ros.evaluation.mesh_incidence import Int64Array, MeshIncidence
from dice_ros.evaluation.ragged import run_members
from dice_ros.types import BoolArray, Float64Array

_SHEAR = (0.013_717, 0.027_183)
"""Rays run along (these, 1), which is no direction that edges of models like to have."""
_CELLS = 48


class WindingNumbers:
    """Winding numbers around one position of a mesh.

    Args:
        incidence: of the topology.
        vertices: (V, 3) float64, metres, finite.
    """

    def __init__(self, incidence: MeshIncidence, vertices: Float64Array) -> None:
        count, label = incidence.opening_count, incidence.cone_opening
        apexes = np.zeros((count, 3))
        np.add.at(apexes, label, vertices[incidence.cones[:, 1]])
        apexes /= np.bincount(label, minlength=count)[:, None].astype(np.float64)
        self._incidence = incidence
        self._vertices = np.concatenate([vertices, apexes])
        rows = np.ascontiguousarray(vertices.T)  # reduced several times faster than columns
        self._low, self._high = rows.min(axis=1), rows.max(axis=1)

    def inside(self, points: Float64Array) -> BoolArray:
        """Whether the surface wraps around a point: absolute winding number of at least one half.

        Points outside the bounding box are outside, as for a closed surface.

        Args:
            points: (N, 3) float64, metres, finite.

        Returns:
            (N,) bool.
        """
        result = np.zeros(len(points), dtype=np.bool_)
        within = ((points >= self._low) & (points <= self._high)).all(axis=1)
        some = np.flatnonzero(within)
        whole = self._closed(points[some])
        # Where the cones cannot amount to one half, the integer decides.
        unsure = np.flatnonzero(self._cone_bound(points[some]) >= 0.5)
        result[some] = whole != 0
        exact = whole[unsure] - self._cone_share(points[some[unsure]])
        result[some[unsure]] = np.abs(exact) >= 0.5
        return result

    def numbers(self, points: Float64Array) -> Float64Array:
        """(N,) winding numbers of points (N, 3), positive if triangles are wound outwards."""
        return np.asarray(self._closed(points) - self._cone_share(points))

    def _closed(self, points: Float64Array) -> Int64Array:
        """Signed crossings of the ray from each point with the closed surface."""
        if not len(points):
            return np.zeros(0, dtype=np.int64)
        corners, queries = _sheared(self._vertices), _sheared(points)
        triangle, point = _overlaps(corners, self._incidence.closed, queries)
        i, j, k = self._incidence.closed.take(triangle, axis=1)
        at = queries.take(point, axis=0)
        left = (
            _is_left(corners, i, j, at).astype(np.int8)
            + _is_left(corners, j, k, at)
            + _is_left(corners, k, i, at)
        )
        hit = np.flatnonzero((left == 3) | (left == 0))
        i, j, k, at, outwards = i[hit], j[hit], k[hit], at[hit], left[hit] == 3
        origin = corners[i]
        normal = np.cross(corners[j] - origin, corners[k] - origin)
        height = np.einsum("ni,ni->n", normal, at - origin)
        ahead = np.where(outwards, height < 0.0, height > 0.0)
        crossing = np.where(outwards, 1.0, -1.0) * ahead
        sums = np.bincount(point[hit], crossing, minlength=len(points))
        return np.asarray(np.rint(sums).astype(np.int64))

    def _cone_bound(self, points: Float64Array) -> Float64Array:
        """(N,) more than the cones' share can be: area over squared distance, at most."""
        bound = np.zeros(len(points))
        known = self._incidence
        for label in range(known.opening_count):
            apex = self._vertices[known.vertex_count + label]
            cone = self._vertices[known.cones[known.cone_opening == label]] - apex
            reach = float(np.linalg.norm(cone, axis=2).max())
            area = 0.5 * float(np.linalg.norm(np.cross(cone[:, 1], cone[:, 2]), axis=1).sum())
            gap = np.linalg.norm(points - apex, axis=1) - reach
            with np.errstate(divide="ignore"):
                bound += np.where(gap > 0.0, area / (4.0 * np.pi * gap**2), np.inf)
        return bound

    def _cone_share(self, points: Float64Array) -> Float64Array:
        cones = self._incidence.cones
        if not len(cones) or not len(points):
            return np.zeros(len(points))
        return np.asarray(solid_angles(self._vertices[cones], points) / (4.0 * np.pi))


def solid_angles(corners: Float64Array, points: Float64Array) -> Float64Array:
    """Sum of signed solid angles of triangles seen from points (Van Oosterom, Strackee 1983).

    Args:
        corners: (F, 3 corners, 3) metres.
        points: (N, 3) metres.

    Returns:
        (N,) steradians; 4 pi inside a closed mesh wound outwards.
    """
    a, b, c = (corners[None, :, corner] - points[:, None] for corner in range(3))
    la, lb, lc = (np.sqrt(np.einsum("nfi,nfi->nf", side, side)) for side in (a, b, c))
    triple = np.einsum("nfi,nfi->nf", a, np.cross(b, c))
    flat = la * lb * lc
    flat += np.einsum("nfi,nfi->nf", a, b) * lc
    flat += np.einsum("nfi,nfi->nf", b, c) * la
    flat += np.einsum("nfi,nfi->nf", c, a) * lb
    halves: Float64Array = np.arctan2(triple, flat)
    return np.asarray(2.0 * halves.sum(axis=1))


def _sheared(points: Float64Array) -> Float64Array:
    """Coordinates in which the rays run along the third axis."""
    sheared: Float64Array = np.array(points)
    sheared[:, :2] -= points[:, 2:] * _SHEAR
    return sheared


def _is_left(
    corners: Float64Array, tail: Int64Array, head: Int64Array, at: Float64Array
) -> BoolArray:
    """Whether points lie left of directed edges; neighbours always agree on their common edge."""
    swapped = tail > head
    low, high = np.where(swapped, head, tail), np.where(swapped, tail, head)
    origin, end = corners.take(low, axis=0), corners.take(high, axis=0)
    x, y = origin[:, 0], origin[:, 1]
    side = (end[:, 0] - x) * (at[:, 1] - y) - (end[:, 1] - y) * (at[:, 0] - x)
    return np.asarray((side >= 0.0) != swapped)


def _overlaps(
    corners: Float64Array, triangles: Int64Array, queries: Float64Array
) -> tuple[Int64Array, Int64Array]:
    """Pairs (triangle, query) that may meet: the query's grid cell is under the triangle's box."""
    low, size = queries[:, :2].min(axis=0), np.ptp(queries[:, :2], axis=0)
    cell = np.maximum(size, 1e-9) / _CELLS
    own = np.clip(((queries[:, :2] - low) / cell).astype(np.int64), 0, _CELLS - 1)
    name = own[:, 0] * _CELLS + own[:, 1]
    order = np.argsort(name, kind="stable")
    begin = np.searchsorted(name[order], np.arange(_CELLS * _CELLS + 1))

    columns = np.ascontiguousarray(corners.T)
    grid = np.floor((columns[:2] - low[:, None]) / cell[:, None])
    first_x, last_x = _spans(grid[0], triangles)
    first_y, last_y = _spans(grid[1], triangles)
    near = (last_x >= 0) & (first_x < _CELLS) & (last_y >= 0) & (first_y < _CELLS)
    near &= _spans(columns[2], triangles)[1] >= queries[:, 2].min()
    kept = np.flatnonzero(near)
    rows = [
        np.clip(edge[kept], 0, _CELLS - 1).astype(np.int64)
        for edge in (first_x, last_x, first_y, last_y)
    ]
    # Triangles without a query in any of their cells, most of them, leave early.
    total = np.zeros((_CELLS + 1, _CELLS + 1), dtype=np.int64)
    total[1:, 1:] = np.diff(begin).reshape(_CELLS, _CELLS).cumsum(axis=0).cumsum(axis=1)
    count = total[rows[1] + 1, rows[3] + 1] - total[rows[0], rows[3] + 1]
    count += total[rows[0], rows[2]] - total[rows[1] + 1, rows[2]]
    met = np.flatnonzero(count)
    kept, rows = kept[met], [edge[met] for edge in rows]
    strip, row = run_members(rows[0], rows[1] - rows[0] + 1)
    start = begin[row * _CELLS + rows[2][strip]]
    stop = begin[row * _CELLS + rows[3][strip] + 1]
    pair, member = run_members(start, stop - start)
    return kept[strip[pair]], order[member]


def _spans(values: Float64Array, triangles: Int64Array) -> tuple[Float64Array, Float64Array]:
    """Least and greatest value at the corners of each triangle."""
    a, b, c = (values.take(corner) for corner in triangles)
    return np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)
