"""Runs of different lengths, laid end to end."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Int64Array = NDArray[np.int64]


def run_members(starts: Int64Array, counts: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Write out the runs ``starts[i], starts[i] + 1, ...`` of ``counts[i]`` members each.

    Args:
        starts, counts: (N,) int64, counts >= 0.

    Returns:
        Which run each member belongs to (M,), and the members (M,), in order.
    """
    owner = np.repeat(np.arange(len(counts)), counts)
    ends = np.cumsum(counts)
    return owner, np.arange(len(owner)) + (starts - ends + counts)[owner]
