"""Which vertex is the left-right partner of which, from a template and its triangles.

A left hand is seen through networks that know only right hands by mirroring the picture. What
comes out for the face is then mirrored too, and is put back by this permutation, so it must be
one-to-one: the nearest vertex to a mirror image is not, as soon as a face is a millimetre
asymmetric. Partners are found in two steps:

1. **Triangles.** A mesh that was built symmetrically is its own mirror image as a net of triangles,
   wherever its vertices lie. A seed (a triangle whose mirror image is closest to another triangle)
   settles three partners; walking over shared edges settles every other vertex of that part
   of the mesh, or contradicts itself and is thrown away. Positions choose between seeds only.
2. **Positions**, for parts whose triangulation is not symmetric: the mirror image is moved by a
   smooth field onto the mesh and vertices are assigned one-to-one at the least total distance.
   That is exact while what asymmetry the field leaves is small against the distance between
   vertices, and near otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components, min_weight_full_bipartite_matching
from scipy.spatial import cKDTree

from dice_ros.errors import AssetError
from dice_ros.types import Float64Array, Int32Array

_Across: TypeAlias = dict[tuple[int, int], tuple[int, int]]
"""Half-edge (a, b) -> (third vertex, number) of the triangle that holds it."""
_Pairs: TypeAlias = dict[int, int]

_MIRROR = (-1.0, 1.0, 1.0)
_SEEDS_TRIED = 256
_REGISTRATION_ROUNDS = 20
_SPREAD_STEPS = 20
_CANDIDATES = 16


def mirror_permutation(
    v_template: NDArray[np.floating], triangles: NDArray[np.integer], tolerance_m: float = 0.02
) -> Int32Array:
    """The partner of every vertex on the other side of x = 0; on the midline itself.

    Args:
        v_template: (V, 3) metres, the plane of symmetry near x = 0.
        triangles: (F, 3) vertex indices.
        tolerance_m: largest distance allowed between a mirror image and its partner.

    Returns:
        (V,) int32, an involution: the partner of a partner is the vertex itself.

    Raises:
        AssetError: the template is not symmetric; the message tells by how much.
    """
    template, faces = _checked(v_template, triangles)
    image = template * _MIRROR
    # No partner can be closer than the nearest vertex.
    _refuse_far(_nearest(cKDTree(template), image)[0], tolerance_m)
    partner = _partners_by_triangles(template, faces)
    if (partner < 0).any():
        partner = _with_partners_by_position(partner, template, faces)
    if not np.array_equal(partner[partner], np.arange(len(template))):
        wrong = int((partner[partner] != np.arange(len(template))).sum())
        raise AssetError(
            f"{wrong} vertices of the template have no left-right partner of their own"
        )
    _refuse_far(np.linalg.norm(template[partner] - image, axis=1), tolerance_m)
    return partner


def _checked(
    v_template: NDArray[np.floating], triangles: NDArray[np.integer]
) -> tuple[Float64Array, Int32Array]:
    template, faces = np.asarray(v_template, dtype=np.float64), np.asarray(triangles)
    if template.ndim != 2 or template.shape[1] != 3 or not len(template):
        raise AssetError(f"template of shape {template.shape}, expected (V, 3)")
    if not np.isfinite(template).all():
        raise AssetError("the template holds NaN or infinite coordinates")
    if faces.ndim != 2 or faces.shape[1] != 3 or not len(faces):
        raise AssetError(f"triangles of shape {faces.shape}, expected (F, 3)")
    if faces.min() < 0 or faces.max() >= len(template):
        raise AssetError(
            f"triangles name vertices {faces.min()}..{faces.max()}, expected 0..{len(template) - 1}"
        )
    return template, faces.astype(np.int32)


def _refuse_far(gaps: Float64Array, tolerance_m: float) -> None:
    worst = float(gaps.max())
    if worst > tolerance_m:
        raise AssetError(
            f"the template is not left-right symmetric about x = 0: the worst vertex, "
            f"{int(gaps.argmax())}, is {1e3 * worst:.2f} mm from its partner (allowed: "
            f"{1e3 * tolerance_m:.2f} mm)"
        )


def _partners_by_triangles(template: Float64Array, faces: Int32Array) -> Int32Array:
    """(V,) partners; -1 in parts of the mesh that are not triangulated symmetrically."""
    partner = np.full(len(template), -1, dtype=np.int32)
    across = _across_edges(faces)
    part_of = connected_components(_neighbours(faces, len(template)), directed=False)[1]
    parts = [np.flatnonzero(part_of == number) for number in range(part_of.max() + 1)]
    for here, there in _opposite_parts(parts, template):
        if partner[here[0]] >= 0:
            continue
        own = faces[part_of[faces[:, 0]] == part_of[here[0]]]
        pairs = _best_walk(here, there, own, template, across)
        for vertex, other in pairs.items():
            partner[vertex], partner[other] = other, vertex
    return partner


def _opposite_parts(
    parts: list[NDArray[np.intp]], template: Float64Array
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Each part with the one of as many vertices that lies nearest to its mirror image."""
    sizes = np.array([len(part) for part in parts])
    centres = np.array([template[part].mean(axis=0) for part in parts])
    for number, part in enumerate(parts):
        gaps = np.linalg.norm(centres - centres[number] * _MIRROR, axis=1)
        yield part, parts[int(np.where(sizes == sizes[number], gaps, np.inf).argmin())]


def _best_walk(
    here: NDArray[np.intp],
    there: NDArray[np.intp],
    faces: Int32Array,
    template: Float64Array,
    across: _Across,
) -> _Pairs:
    """Partners of one part; the walk whose gaps vary least, because spheres allow many."""
    best: _Pairs = {}
    least = np.inf
    for count, seed in enumerate(_seeds(here, there, faces, template, across)):
        if count == _SEEDS_TRIED:
            break
        if all(best.get(vertex) == other for vertex, other in seed.items()):
            continue
        pairs = _walk(seed, across)
        if len(pairs) < max(len(best), 3):
            continue
        vertices, others = np.array(list(pairs)), np.array(list(pairs.values()))
        spread = float((template[others] - template[vertices] * _MIRROR).var(axis=0).sum())
        if len(pairs) > len(best) or spread < least:
            best, least = pairs, spread
    return best


def _seeds(
    here: NDArray[np.intp],
    there: NDArray[np.intp],
    faces: Int32Array,
    template: Float64Array,
    across: _Across,
) -> Iterator[_Pairs]:
    """Triangles whose corners and another's are each other's nearest mirror images; best first."""
    image, goal = template[here] * _MIRROR, template[there]
    # A part may have moved as a whole (an eyeball): only its shape counts.
    image, goal = image - image.mean(axis=0), goal - goal.mean(axis=0)
    gap, near = (found[:, 0] for found in _nearest(cKDTree(goal), image))
    mutual = _nearest(cKDTree(image), goal)[1][near, 0] == np.arange(len(here))
    position = np.searchsorted(here, faces)  # ``here`` is sorted
    kept = np.flatnonzero(mutual[position].all(axis=1))
    order = kept[np.argsort(gap[position[kept]].max(axis=1), kind="stable")]
    for number in order:
        corners = [int(vertex) for vertex in faces[number]]
        a, b, c = (int(there[near[place]]) for place in position[number])
        if across.get((b, a), (-1, -1))[0] == c:
            yield dict(zip(corners, (a, b, c), strict=True))


def _walk(seed: _Pairs, across: _Across) -> _Pairs:
    """Everything a seed settles over shared edges; empty if it contradicts itself."""
    pairs, back = dict(seed), {other: vertex for vertex, other in seed.items()}
    a, b, c = seed
    edges, visited = [(a, b), (b, c), (c, a)], {across.get((a, b), (c, -1))[1]}
    while edges:
        i, j = edges.pop()
        # The neighbour holds the edge the other way round, and its mirror image once more.
        mine, others = across.get((j, i)), across.get((pairs[i], pairs[j]))
        if mine is None and others is None:
            continue
        if mine is None or others is None:
            return {}
        vertex, other = mine[0], others[0]
        if pairs.setdefault(vertex, other) != other or back.setdefault(other, vertex) != vertex:
            return {}
        if mine[1] not in visited:
            visited.add(mine[1])
            edges += [(i, vertex), (vertex, j)]
    if any(pairs.get(other, vertex) != vertex for vertex, other in pairs.items()):
        return {}
    return pairs


def _across_edges(faces: Int32Array) -> _Across:
    """Half-edges that more than one triangle holds are left out: they lead nowhere certain."""
    across: _Across = {}
    doubled = set()
    for number, (a, b, c) in enumerate(faces.tolist()):
        for first, second, third in ((a, b, c), (b, c, a), (c, a, b)):
            if (first, second) in across:
                doubled.add((first, second))
            across[first, second] = (third, number)
    for edge in doubled:
        del across[edge]
    return across


def _neighbours(faces: Int32Array, count: int) -> csr_matrix:
    """(V, V) row-stochastic average over each vertex and its neighbours."""
    ends = np.concatenate([faces[:, (0, 1)], faces[:, (1, 2)], faces[:, (2, 0)]])
    own = np.arange(count)
    rows = np.concatenate([ends[:, 0], ends[:, 1], own])
    columns = np.concatenate([ends[:, 1], ends[:, 0], own])
    linked = csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(count, count))
    linked.data[:] = 1.0
    weights = np.asarray(linked.sum(axis=1)).ravel()
    return csr_matrix(linked.multiply(1.0 / weights[:, None]))


def _with_partners_by_position(
    partner: Int32Array, template: Float64Array, faces: Int32Array
) -> Int32Array:
    """Fill in the partners that the triangles do not tell."""
    left = np.flatnonzero(partner < 0)
    image = template * _MIRROR
    average = _neighbours(faces, len(template))
    tree = cKDTree(template[left])
    guess = partner.copy()
    moved = image
    for _ in range(_REGISTRATION_ROUNDS):
        guess[left] = left[_nearest(tree, moved[left])[1][:, 0]]
        # Only pairs that choose each other pull; the others follow their neighbours.
        trusted = (guess[guess] == np.arange(len(guess))).astype(np.float64)[:, None]
        pull = np.hstack([trusted * (template[guess] - image), trusted])
        for _ in range(_SPREAD_STEPS):
            pull = average @ pull
        moved = image + pull[:, :3] / np.maximum(pull[:, 3:], 1e-9)
    result: Int32Array = partner.copy()
    result[left] = left[_closest_involution(_assigned(tree, moved[left]), template[left])]
    return result


def _assigned(tree: cKDTree, points: Float64Array) -> Int32Array:
    """(N,) a place for each of N points among N, one-to-one, at the least total distance."""
    size = len(points)
    count = min(_CANDIDATES, size)
    gaps, near = _nearest(tree, points, count)
    rows = np.repeat(np.arange(size), count)
    # A weight of zero would be no edge.
    costs = csr_matrix((gaps.ravel() + 1e-9, (rows, near.ravel())), shape=(size, size))
    try:
        return np.asarray(min_weight_full_bipartite_matching(costs)[1], dtype=np.int32)
    except ValueError:
        message = (
            f"{size} vertices of the template cannot be paired left to right, neither by their "
            "triangles nor one-to-one by their positions"
        )
        raise AssetError(message) from None


def _nearest(
    tree: cKDTree, points: Float64Array, count: int = 1
) -> tuple[Float64Array, Int32Array]:
    """(N, count) distances and numbers of the nearest places."""
    gaps, numbers = tree.query(points, k=[*range(1, count + 1)])
    return np.asarray(gaps, dtype=np.float64), np.asarray(numbers, dtype=np.int32)


def _closest_involution(permutation: Int32Array, points: Float64Array) -> Int32Array:
    """Pair up the cycles of a permutation; where one is odd, its middlemost vertex stays alone."""
    result = np.full(len(permutation), -1, dtype=np.int32)
    for start in range(len(permutation)):
        if result[start] >= 0:
            continue
        cycle = [start]
        while permutation[cycle[-1]] != start:
            cycle.append(int(permutation[cycle[-1]]))
        if len(cycle) % 2:
            alone = int(np.abs(points[cycle, 0]).argmin())
            cycle = cycle[alone:] + cycle[:alone]
            result[cycle[0]] = cycle[0]
            cycle = cycle[1:]
        for first, second in zip(cycle[::2], cycle[1::2], strict=True):
            result[first], result[second] = second, first
    return result
