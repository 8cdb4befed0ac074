"""Exact distances from points to a triangle mesh.

Why few triangles have to be looked at: let q be the point of the mesh closest to p, at distance d,
on a triangle T. The corner v of T nearest to q then satisfies |p - v|^2 <= d^2 + r^2, where r is
the largest distance from a point of T to its nearest corner, at most its longest edge / sqrt(3):
if q lies inside T or on an edge, p - q is perpendicular to it, and if q is a corner, v = q. So
only triangles at vertices with |p - v|^2 - r_v^2 <= d^2 come into question, r_v being the largest
r around v. With the fourth coordinate sqrt(r_max^2 - r_v^2) the left side is a squared distance up
to a constant, and an ordinary k-d tree lists vertices in its order. The search ends when the next
vertex in that order is too far: the result is exact for any mesh, however uneven.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from dice_ros.evaluation.mesh_incidence import Int64Array, MeshIncidence
from dice_ros.evaluation.ragged import run_members
from dice_ros.types import Float64Array

_FIRST_VERTICES = 6
_LEAF_SIZE = 64
"""Of the k-d tree; fastest of those tried for a head."""
_SLACK_M2 = 1e-14
"""Squared distances are compared with this much doubt, against rounding."""
_SLIVER = 1e-12
"""Triangles thinner than this (squared sine of an angle) count as their edges."""
_TINY = 1e-300


def mesh_distances(
    incidence: MeshIncidence, vertices: Float64Array, points: Float64Array
) -> Float64Array:
    """Distance of every point to the closest point of the mesh.

    Args:
        incidence: of the topology.
        vertices: (V, 3) float64, metres, finite.
        points: (N, 3) float64, metres, finite.

    Returns:
        (N,) float64, metres, >= 0.
    """
    search = _Search(incidence, vertices, points)
    wanted = np.arange(len(points))
    count = min(_FIRST_VERTICES, len(incidence.used))
    while len(wanted):
        wanted = search.look(wanted, count)
        count = min(4 * count, len(incidence.used))
    return np.asarray(np.sqrt(search.squared))


class _Search:
    """The distance to the closest triangle found so far for every point."""

    def __init__(
        self, incidence: MeshIncidence, vertices: Float64Array, points: Float64Array
    ) -> None:
        self._incidence = incidence
        self._points = points
        self._vertices = vertices
        self._reach = _reaches(vertices, incidence)
        reach = np.maximum.reduceat(self._reach.take(incidence.incident), incidence.starts)
        self._widest = float(reach.max())
        lifted = np.empty((len(incidence.used), 4))
        lifted[:, :3] = vertices[incidence.used]
        lifted[:, 3] = np.sqrt(self._widest - reach)
        self._tree = cKDTree(lifted, _LEAF_SIZE, balanced_tree=False, compact_nodes=False)
        self.squared = np.full(len(points), np.inf)
        """(N,) metres squared."""

    def look(self, wanted: Int64Array, count: int) -> Int64Array:
        """Try triangles at the ``count`` likeliest vertices; return the points not settled."""
        lifted = np.zeros((len(wanted), 4))
        lifted[:, :3] = self._points[wanted]
        distance, near = map(np.asarray, self._tree.query(lifted, k=range(1, count + 1)))
        least = distance**2 - self._widest  # (N, count) lower bounds of squared distances
        self._try(wanted, near[:, 0])
        bound = self.squared[wanted] + _SLACK_M2
        row, column = np.nonzero(least[:, 1:] <= bound[:, None])
        column += 1
        # Of the triangles there, only those whose own reach is as long as it needs to be.
        vertex = near[row, column]
        gap = self._tree.data[vertex, 3]
        corner = least[row, column] + self._widest - gap**2  # squared distance to the vertex
        self._try(wanted[row], vertex, corner - bound[row])
        if count == len(self._incidence.used):
            return wanted[:0]
        return wanted[least[:, -1] <= self.squared[wanted] + _SLACK_M2]

    def _try(
        self, point: Int64Array, vertex: Int64Array, needed: Float64Array | None = None
    ) -> None:
        """Compare points, ascending, with the triangles of a used vertex each that reach so far."""
        known = self._incidence
        pair, member = run_members(known.starts.take(vertex), known.counts.take(vertex))
        if needed is not None:
            kept = np.flatnonzero(self._reach.take(known.incident.take(member)) >= needed[pair])
            pair, member = pair[kept], member[kept]
        if not len(pair):
            return
        owner = point.take(pair)
        corners = self._vertices.take(known.incident_corners.take(member, axis=1), axis=0)
        squared = _squared_distances(
            np.ascontiguousarray(corners.transpose(0, 2, 1)), self._points.take(owner, axis=0).T
        )
        first = np.flatnonzero(np.diff(owner, prepend=-1))
        who = owner.take(first)
        self.squared[who] = np.minimum(self.squared[who], np.minimum.reduceat(squared, first))


def _reaches(vertices: Float64Array, incidence: MeshIncidence) -> Float64Array:
    """(F,) squared metres: no point of a triangle is farther than this from its nearest corner."""
    squared = np.zeros(len(incidence.edges))
    tails, heads = np.ascontiguousarray(incidence.edges.T)
    for column in np.ascontiguousarray(vertices.T):
        step = column.take(tails) - column.take(heads)
        squared += step * step
    ab, bc, ca = (squared.take(edge) for edge in incidence.triangle_edges)
    return np.asarray(np.maximum(np.maximum(ab, bc), ca) / 3.0)


def _squared_distances(corners: Float64Array, points: Float64Array) -> Float64Array:
    """(M,) squared distances of points (3, M) to triangles (3 corners, 3, M).

    The least of the distances to the edges and, where the foot lies inside, to the plane, all from
    inner products of the edges and the vector from the first corner.
    """
    ab, ac, ap = corners[1] - corners[0], corners[2] - corners[0], points - corners[0]
    bb, cc, bc = _dot(ab, ab), _dot(ac, ac), _dot(ab, ac)
    d1, d2 = _dot(ab, ap), _dot(ac, ap)
    t = _share(d1, bb)
    best = t * (t * bb - 2.0 * d1)
    t = _share(d2, cc)
    np.minimum(best, t * (t * cc - 2.0 * d2), out=best)
    opposite, along = bb + cc - 2.0 * bc, d2 - d1 - bc + bb
    t = _share(along, opposite)
    np.minimum(best, bb - 2.0 * d1 + t * (t * opposite - 2.0 * along), out=best)
    v, w = cc * d1 - bc * d2, bb * d2 - bc * d1
    area = bb * cc - bc * bc
    within = (v >= 0.0) & (w >= 0.0) & (v + w <= area) & (area > _SLIVER * bb * cc)
    np.minimum(best, -(v * d1 + w * d2) / np.maximum(area, _TINY), out=best, where=within)
    return np.asarray(np.maximum(best + _dot(ap, ap), 0.0))


def _share(part: Float64Array, whole: Float64Array) -> Float64Array:
    """part / whole, within 0..1."""
    return np.asarray(np.minimum(np.maximum(part / np.maximum(whole, _TINY), 0.0), 1.0))


def _dot(left: Float64Array, right: Float64Array) -> Float64Array:
    """Inner products of columns: (3, F), (3, F) -> (F,)."""
    return np.asarray(left[0] * right[0] + left[1] * right[1] + left[2] * right[2])


def check_finite(name: str, array: NDArray[np.floating]) -> None:
    """Refuse NaN and infinity.

    Raises:
        ValueError: there is one.
    """
    if not np.isfinite(array).all():
        raise ValueError(f"{name} hold NaN or infinity: leave such frames out")
