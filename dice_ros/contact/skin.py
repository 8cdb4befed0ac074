"""How the skin of the face gives way: a stiffness-weighted Laplacian displacement.

The displacement u of the skin minimises

    50 sum_touched |u_i - d_i|^2 + 2 |L u|^2 + sum_i (0.02 k_i + 0.002) |u_i|^2

with d the push of the hand, L the uniform Laplacian and k the stiffness. The last two terms do
not change between frames, so their inverse G (the compliance of the skin) is computed once for the
skin of the front of the head, and a frame only solves a system as large as the number of touched
vertices (a Woodbury identity, exact).
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_matrix, diags, eye_array

from dice_ros.types import BoolArray, Float32Array, Float64Array, Int32Array

_TOUCH_WEIGHT = 50.0
_SMOOTH_WEIGHT = 2.0
_STIFFNESS_WEIGHT, _REST_WEIGHT = 0.02, 0.002


class SkinCompliance:
    """The skin of one head topology.

    Args:
        triangles: (F, 3) int32.
        stiffness: (V,) float32 in [0.05, 1].
        movable: (V,) bool, skin that can be displaced; the rest stays where it is.
    """

    def __init__(self, triangles: Int32Array, stiffness: Float32Array, movable: BoolArray) -> None:
        self.movable: Int32Array = np.flatnonzero(movable).astype(np.int32)
        self._slot = np.full(len(stiffness), -1)
        self._slot[self.movable] = np.arange(len(self.movable))
        L = uniform_laplacian(triangles, len(stiffness))[:, self.movable]
        rest = _STIFFNESS_WEIGHT * stiffness[self.movable] + _REST_WEIGHT
        A = (_SMOOTH_WEIGHT * (L.T @ L) + diags(rest)).toarray()
        factor = cho_factor(A, overwrite_a=True)
        G = cho_solve(factor, np.eye(len(A)), overwrite_b=True)
        self._compliance = np.ascontiguousarray(G, dtype=np.float32)

    def displacement(self, touched: Int32Array, pushes: Float64Array) -> Float32Array:
        """Displace all skin so that touched vertices follow the hand's push.

        Args:
            touched: (C,) vertex numbers, each movable, without repeats.
            pushes: (C, 3) metres, wanted displacement of each.

        Returns:
            (M, 3) float32 metres, displacement of the vertices ``movable``.
        """
        slots = self._slot[touched]
        G_CC = self._compliance[np.ix_(slots, slots)].astype(np.float64)
        G_CC[np.diag_indices_from(G_CC)] += 1.0 / _TOUCH_WEIGHT
        forces = cho_solve(cho_factor(G_CC), pushes)
        displaced = forces.T.astype(np.float32) @ self._compliance[slots]  # (3, M)
        return np.ascontiguousarray(displaced.T)


def uniform_laplacian(triangles: Int32Array, vertex_count: int) -> csr_matrix:
    """u_i minus the mean of its neighbours, for every vertex: (V, V) sparse."""
    starts = np.concatenate([triangles[:, 0], triangles[:, 1], triangles[:, 2]])
    ends = np.concatenate([triangles[:, 1], triangles[:, 2], triangles[:, 0]])
    ones = np.ones(2 * len(starts))
    rows, columns = np.concatenate([starts, ends]), np.concatenate([ends, starts])
    adjacency = csr_matrix((ones, (rows, columns)), shape=(vertex_count, vertex_count))
    adjacency.data[:] = 1.0
    degree = np.maximum(np.asarray(adjacency.sum(axis=1)).ravel(), 1.0)
    return csr_matrix(eye_array(vertex_count) - diags(1.0 / degree) @ adjacency)
