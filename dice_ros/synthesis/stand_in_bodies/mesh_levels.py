"""A mesh at several resolutions with the matrices that lead from one to the next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix

from dice_ros.synthesis.stand_in_bodies.edge_splitting import mesh_edges
from dice_ros.synthesis.stand_in_bodies.mesh_decimation import thin_mesh
from dice_ros.synthesis.stand_in_bodies.surface_places import nearest_places
from dice_ros.types import Float64Array, Int32Array


@dataclass(frozen=True, slots=True, eq=False)
class MeshLevels:
    """L levels, the finest first, as the official files hold them.

    Attributes:
        adjacency: A, L matrices (V, V), 1 between neighbours.
        up: U, L - 1 matrices from level i + 1 to level i, barycentric.
        down: D, L - 1 matrices from level i to level i + 1, which pick vertices.
        faces: F, L arrays (F, 3) int32.
    """

    adjacency: tuple[coo_matrix, ...]
    up: tuple[coo_matrix, ...]
    down: tuple[coo_matrix, ...]
    faces: tuple[Int32Array, ...]


def mesh_levels(
    template: Float64Array, triangles: Int32Array, counts: tuple[int, ...]
) -> MeshLevels:
    """Thin a mesh step by step.

    Args:
        template: (V, 3) metres.
        triangles: (F, 3).
        counts: vertices of each coarser level.
    """
    up, down = [], []
    points, faces = template, [triangles]
    adjacency = [_adjacency(triangles, len(template))]
    for count in counts:
        thin = thin_mesh(points, faces[-1], count)
        coarse = points[thin.picked]
        pick = (np.ones(count), (np.arange(count), thin.picked))
        down.append(coo_matrix(pick, shape=(count, len(points))))
        places = nearest_places(points, coarse, thin.triangles)
        spread = (
            places.barycentric.ravel(),
            (np.repeat(np.arange(len(points)), 3), thin.triangles[places.triangles].ravel()),
        )
        up.append(coo_matrix(spread, shape=(len(points), count)))
        adjacency.append(_adjacency(thin.triangles, count))
        faces.append(thin.triangles)
        points = coarse
    return MeshLevels(tuple(adjacency), tuple(up), tuple(down), tuple(faces))


def _adjacency(triangles: Int32Array, count: int) -> coo_matrix:
    edges = mesh_edges(triangles)[0]
    rows, columns = np.concatenate([edges, edges[:, ::-1]]).T
    return coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(count, count))
