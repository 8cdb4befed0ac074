"""Smooth random displacement fields: sums of long waves through space."""

from __future__ import annotations

import numpy as np

from dice_ros.types import Float64Array

_WAVES = 4
_MIRROR = np.array([-1.0, 1.0, 1.0])


def smooth_fields(
    points: Float64Array,
    count: int,
    *,
    seed: int,
    longest_m: float,
    shortest_m: float,
    symmetric: bool = False,
) -> Float64Array:
    """Displacement fields of root mean square 1, from long to short waves.

    Args:
        points: (V, 3) metres.
        count: number of fields K.
        seed: of the random numbers.
        longest_m, shortest_m: wavelengths of the first and last field.
        symmetric: make them mirror images of themselves about x = 0.

    Returns:
        (V, 3, K) float64.
    """
    random = np.random.default_rng(seed)
    fields = np.empty((len(points), 3, count))
    for number, wavelength in enumerate(np.geomspace(longest_m, shortest_m, max(count, 2))[:count]):
        directions = random.normal(size=(_WAVES, 3))
        directions *= 2.0 * np.pi / wavelength / np.linalg.norm(directions, axis=1, keepdims=True)
        phases = random.uniform(0.0, 2.0 * np.pi, _WAVES)
        sizes = random.normal(size=(_WAVES, 3))
        field = np.cos(points @ directions.T + phases) @ sizes
        if symmetric:
            field += (np.cos(points * _MIRROR @ directions.T + phases) @ sizes) * _MIRROR
        fields[:, :, number] = field / np.sqrt(np.mean(np.sum(field**2, axis=1)))
    return fields
