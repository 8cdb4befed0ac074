"""A FLAME head seen in a mirror, as a FLAME head: vertices renumbered, coefficients converted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dice_ros.body.flame_arrays import FlameArrays
from dice_ros.body.mesh_mirror import mirror_permutation
from dice_ros.types import Float32Array, Float64Array, Int32Array

_MIRROR = np.array([-1.0, 1.0, 1.0])
_SMALLEST_SHARE = 1e-10
"""Directions with less of the basis' energy than this are left out of the least squares."""


@dataclass(frozen=True, slots=True, eq=False)
class HeadMirror:
    """How a mirrored head is described.

    Attributes:
        partner: (5023,) left-right partner of each vertex.
        matrix: (150, 150), identity and expression coefficients of a head -> of its mirror image.
        offset: (150,) what the asymmetry of the template adds to them.
    """

    partner: Int32Array
    matrix: Float64Array
    offset: Float64Array

    def coefficients(
        self, betas: Float32Array, expression: Float32Array
    ) -> tuple[Float32Array, Float32Array]:
        """(100,) identity and (50,) expression of the mirror image."""
        mirrored = self.matrix @ np.concatenate([betas, expression]) + self.offset
        mirrored = mirrored.astype(np.float32)
        return mirrored[: len(betas)], mirrored[len(betas) :]


def head_mirror(flame: FlameArrays) -> HeadMirror:
    """Find partners, and the coefficients that come closest to each mirrored direction.

    Least squares over all vertices of the resting head: exact where the mirror image of a direction
    lies in the span of all of them, and the nearest such head otherwise.

    Raises:
        AssetError: the template is not symmetric.
    """
    partner = mirror_permutation(flame.template, flame.triangles)
    count = flame.shape_directions.shape[2]
    template = flame.template.astype(np.float64)
    directions = flame.shape_directions.astype(np.float64)
    basis = directions.reshape(-1, count)
    mirrored = (directions[partner] * _MIRROR[:, None]).reshape(-1, count)
    asymmetry = (template[partner] * _MIRROR - template).reshape(-1, 1)
    # Directions differ by orders of magnitude in size: scaled alike, the small ones count too.
    sizes = np.maximum(np.linalg.norm(basis, axis=0), 1e-12)
    scaled = basis / sizes
    goal = scaled.T @ np.hstack([mirrored, asymmetry])
    found = np.linalg.pinv(scaled.T @ scaled, rcond=_SMALLEST_SHARE, hermitian=True) @ goal
    found /= sizes[:, None]
    return HeadMirror(partner, found[:, :count], found[:, count])
