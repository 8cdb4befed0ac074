"""The open head's skin as one disk with 5023 vertices, exactly left-right symmetric.

The head's skin is a disk already: its only opening is the neck. Its right half is refined at the
longest edges and mirrored. The eye sockets, bags behind the lids, are drawn tight over the front
of the eyeballs, so that the eyes are closed by a membrane that looks like an eye.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, vstack
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import spsolve
from scipy.spatial import cKDTree

from dice_ros.body.open_head import OpenHead
from dice_ros.contact.skin import uniform_laplacian
from dice_ros.synthesis.stand_in_bodies.edge_splitting import SplittingMesh, mesh_edges
from dice_ros.types import BoolArray, Float64Array, Int32Array

VERTEX_COUNT, TRIANGLE_COUNT, RIM_COUNT = 5023, 9976, 68

_SOCKET_RADIUS_M = 0.03
_BULGE_RISE, _BALL_NEIGHBOURS = 2.0, 6


@dataclass(frozen=True, slots=True, eq=False)
class HeadSurface:
    """The skin; V = 5023, N vertices of the open head.

    Attributes:
        points: (V, 3) float64, metres, head frame of the open head.
        triangles: (9976, 3) int32, counter-clockwise seen from outside.
        carry: (V, N) sparse; ``carry @ values`` brings values at the open head's vertices here.
        eye_openness: (2, V) float64, right and left eye: 1 where the membrane is farthest from
            the lids, 0 outside it.
        eye_centres: (2, 3) float64, metres.
    """

    points: Float64Array
    triangles: Int32Array
    carry: csr_matrix
    eye_openness: Float64Array
    eye_centres: Float64Array


def head_surface(head: OpenHead) -> HeadSurface:
    """Build the surface from the open head."""
    template = head.template.astype(np.float64)
    parts = _parts(head.triangles, len(template))
    skin = parts == np.bincount(parts).argmax()
    carry, points, openness, centres = _close_eyes(head, template, skin)

    half = skin & (template[:, 0] <= 0.0)
    old = np.flatnonzero(half)
    slot = np.full(len(template), -1)
    slot[old] = np.arange(len(old))
    triangles = slot[head.triangles[half[head.triangles].all(axis=1)]]
    on_middle = head.mirror[old] == old
    mesh, on_middle = _refine(points[old], triangles, on_middle, head.exterior[old])

    halves = [carry[old], carry[head.mirror[old]]]
    for side in (0, 1):
        rows = halves[side]
        for start, end in mesh.parents:
            rows = vstack([rows, 0.5 * (rows[[start]] + rows[[end]])], format="csr")
        halves[side] = rows
    opened = [openness[:, old], openness[:, head.mirror[old]]]
    for start, end in mesh.parents:
        opened = [
            np.concatenate([some, some[:, [start, end]].mean(axis=1, keepdims=True)], axis=1)
            for some in opened
        ]
    aside = np.flatnonzero(~on_middle)
    other = np.arange(len(mesh.points))
    other[aside] = len(mesh.points) + np.arange(len(aside))
    return HeadSurface(
        points=np.concatenate([mesh.points, mesh.points[aside] * (-1.0, 1.0, 1.0)]),
        triangles=np.concatenate([mesh.triangles, other[mesh.triangles][:, ::-1]]).astype(np.int32),
        carry=csr_matrix(vstack([halves[0], halves[1][aside]])),
        eye_openness=np.concatenate([opened[0], opened[1][:, aside]], axis=1),
        eye_centres=centres,
    )


def _parts(triangles: Int32Array, count: int) -> Int32Array:
    edges = mesh_edges(triangles)[0]
    ones = np.ones(len(edges))
    graph = csr_matrix((ones, (edges[:, 0], edges[:, 1])), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int32)


def _close_eyes(
    head: OpenHead, template: Float64Array, skin: BoolArray
) -> tuple[csr_matrix, Float64Array, Float64Array, Float64Array]:
    """Carrying matrix (N, N), points (N, 3), openness (2, N) and eye centres (2, 3)."""
    count = len(template)
    L = uniform_laplacian(head.triangles, count)
    inside = skin & ~(head.exterior | head.exterior[head.mirror])
    into = np.eye(count)
    points = template.copy()
    openness, centres = np.zeros((2, count)), np.zeros((2, 3))
    for eye, side in enumerate((-1.0, 1.0)):
        ball = ~skin & (side * template[:, 0] > 0.0)
        centres[eye] = 0.5 * (template[ball].max(axis=0) + template[ball].min(axis=0))
        near = np.linalg.norm(template - centres[eye], axis=1) < _SOCKET_RADIUS_M
        socket = np.flatnonzero(inside & near)
        rest = np.setdiff1d(np.arange(count), socket)
        inner, outer = L[socket][:, socket].tocsc(), L[socket][:, rest]
        rim = rest[np.unique(outer.nonzero()[1])]
        spread = np.asarray(-spsolve(inner, L[socket][:, rim].toarray()))
        into[socket] = 0.0
        into[np.ix_(socket, rim)] = spread
        depth = np.asarray(spsolve(inner, np.ones(len(socket))))
        openness[eye, socket] = np.sqrt(depth / depth.max())
        flat = spread @ template[rim]
        round_ = _on_ball(flat, template[ball], centres[eye])
        bulge = np.minimum(_BULGE_RISE * openness[eye, socket], 1.0)[:, None]
        points[socket] = flat + bulge * (round_ - flat)
    return csr_matrix(into), points, openness, centres


def _on_ball(points: Float64Array, ball: Float64Array, centre: Float64Array) -> Float64Array:
    """Points moved along rays from the centre of an eyeball onto its surface."""
    radii = np.linalg.norm(ball - centre, axis=1)
    rays = points - centre
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    directions = (ball - centre) / radii[:, None]
    near = np.asarray(cKDTree(directions).query(rays, k=_BALL_NEIGHBOURS)[1])
    gaps = np.linalg.norm(rays[:, None] - directions[near], axis=2)
    weights = 1.0 / (gaps**2 + 1e-4)
    radius = (weights * radii[near]).sum(axis=1) / weights.sum(axis=1)
    return np.asarray(centre + radius[:, None] * rays)


def _refine(
    points: Float64Array, triangles: Int32Array, on_middle: BoolArray, splittable: BoolArray
) -> tuple[SplittingMesh, BoolArray]:
    """Split the half's longest edges until both halves together have the wanted counts."""
    mesh = SplittingMesh(points, triangles)
    edges, counts = mesh_edges(triangles)
    rim = edges[(counts == 1) & ~on_middle[edges].all(axis=1)]
    on_rim = np.zeros(len(points), dtype=np.bool_)
    on_rim[rim] = True
    free = splittable.copy()

    def split(edge: tuple[int, int], *, along_rim: bool) -> None:
        nonlocal on_middle, on_rim, free
        mesh.split(*edge)
        on_middle = np.append(on_middle, bool(on_middle[list(edge)].all()))
        on_rim, free = np.append(on_rim, along_rim), np.append(free, True)

    for _ in range((RIM_COUNT - 2 * len(rim)) // 2):
        split(mesh.longest_edge(on_rim, on_rim=True), along_rim=True)
    while (missing := VERTEX_COUNT - 2 * len(mesh.points) + int(on_middle.sum())) > 0:
        only_middle = missing == 1
        edge = mesh.longest_edge(
            on_middle if only_middle else free, on_rim=True if only_middle else None
        )
        if on_rim[list(edge)].all():
            free[edge[0]] = False
            continue
        split(edge, along_rim=False)
    return mesh, on_middle
