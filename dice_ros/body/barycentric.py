"""Places in triangles as weights of their corners."""

from __future__ import annotations

import numpy as np

from dice_ros.types import Float64Array


def barycentric_of(points: Float64Array, corners: Float64Array) -> Float64Array:
    """(N, 3) weights of triangle corners (N, 3, 3) that give points (N, 3) in their planes."""
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    offset = points - corners[:, 0]
    d00, d01, d11 = (
        np.einsum("ni,ni->n", a, b) for a, b in ((first, first), (first, second), (second, second))
    )
    d20, d21 = (np.einsum("ni,ni->n", offset, edge) for edge in (first, second))
    scale = d00 * d11 - d01 * d01
    v, w = (d11 * d20 - d01 * d21) / scale, (d00 * d21 - d01 * d20) / scale
    return np.stack([1.0 - v - w, v, w], axis=1)
