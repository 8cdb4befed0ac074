"""Named regions of a mesh as one label per vertex."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from dice_ros.types import Int32Array, UInt8Array


@dataclass(frozen=True, slots=True, eq=False)
class RegionLabels:
    """Labels and what they mean, as :func:`dice_ros.body.topology.make_topology` takes them.

    Attributes:
        labels: (V,) uint8, index into ``names``.
        names: ``none`` first.
    """

    labels: UInt8Array
    names: tuple[str, ...]


def swap_sides(names: tuple[str, ...]) -> UInt8Array:
    """For each name the index of its mirror image: ``left_x`` and ``right_x`` change places.

    Raises:
        ValueError: a sided name has no partner.
    """
    swapped = []
    for name in names:
        if name.startswith("left_"):
            swapped.append(names.index("right_" + name.removeprefix("left_")))
        elif name.startswith("right_"):
            swapped.append(names.index("left_" + name.removeprefix("right_")))
        else:
            swapped.append(names.index(name))
    return np.array(swapped, dtype=np.uint8)


def patches(labels: UInt8Array, triangles: Int32Array) -> Int32Array:
    """(V,) number of the connected patch of equal labels that each vertex is in."""
    edges = _edges(triangles)
    same = edges[labels[edges[:, 0]] == labels[edges[:, 1]]]
    count = len(labels)
    graph = csr_matrix((np.ones(len(same)), (same[:, 0], same[:, 1])), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int32)


def without_islands(
    labels: UInt8Array, triangles: Int32Array, scattered: tuple[int, ...] = (0,)
) -> UInt8Array:
    """Labels of which each is one connected patch: its largest; the rest joins its neighbours.

    Args:
        labels: (V,).
        triangles: (F, 3) of the same mesh.
        scattered: labels that may have any number of patches; they are given to no island. An
            island without any other neighbour keeps its label.
    """
    result: UInt8Array = labels.copy()
    edges = _edges(triangles)
    while True:
        patch = patches(result, triangles)
        sizes = np.bincount(patch)
        main = np.array([sizes[patch[result == name]].max(initial=0) for name in range(256)])
        first = np.full(256, len(sizes))
        whole = np.flatnonzero(sizes[patch] == main[result])
        np.minimum.at(first, result[whole], patch[whole])  # of equals, the first
        island = (patch != first[result]) & ~np.isin(result, scattered)
        rim = edges[island[edges[:, 0]] & (patch[edges[:, 0]] != patch[edges[:, 1]])]
        rim = rim[~np.isin(result[rim[:, 1]], scattered)]
        if not len(rim):
            return result
        smallest = patch[rim[np.argmin(sizes[patch[rim[:, 0]]]), 0]]
        around = result[rim[patch[rim[:, 0]] == smallest, 1]]
        result[patch == smallest] = np.bincount(around).argmax()


def _edges(triangles: Int32Array) -> Int32Array:
    """(E, 2) both ways round."""
    pairs = np.concatenate([triangles[:, pair] for pair in ([0, 1], [1, 2], [2, 0])])
    return np.concatenate([pairs, pairs[:, ::-1]])
