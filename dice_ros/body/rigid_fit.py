"""The rigid motion between two sets of corresponding points (Kabsch 1976)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dice_ros.body.rotation import align_points

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
    R = align_points(source.astype(np.float64), target.astype(np.float64))
    return R, target_mean - R @ source_mean
