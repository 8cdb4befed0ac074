"""The rigid motion between two sets of corresponding points (Kabsch 1976)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float64Array = NDArray[np.float64]


def rigid_fit(
    source: NDArray[np.floating], target: NDArray[np.floating]
) -> tuple[Float64Array, Float64Array]:
    """Rotation and translation that bring one set closest to the other in the mean square.

    Args:
        source, target: (N, 3), N >= 3 and not all on a line.

    Returns:
        R (3, 3), a proper rotation, and t (3,), with ``target ~ source @ R.T + t``.
    """
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    covariance = (target - target_mean).T @ (source - source_mean)
    left, _, right = np.linalg.svd(covariance.astype(np.float64))
    sign = np.sign(np.linalg.det(left @ right))
    R = (left * (1.0, 1.0, sign)) @ right
    return R, target_mean - R @ source_mean
