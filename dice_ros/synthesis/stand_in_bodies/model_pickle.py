"""Pickling models as the official files are: protocol 2, with the module names of their time.

The official files were written by Python 2 with chumpy, whose arrays a reader must get at without
chumpy. Neither is needed to write the same: a pickle names classes in plain text.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


class ChumpyArray:
    """Stands for ``chumpy.ch.Ch``: an array in the attribute ``x``."""

    def __init__(self, array: NDArray[np.float64]) -> None:
        self.x = array
        self._dirty_vars: set[str] = set()
        self._itr = None


class ChumpySelection:
    """Stands for ``chumpy.reordering.Select``: some entries of another array, in a new shape."""

    def __init__(self, array: NDArray[np.float64]) -> None:
        self.a = ChumpyArray(np.concatenate([array.ravel(), np.zeros(array.size // 10)]))
        self.idxs = np.arange(array.size)
        self.preferred_shape = array.shape
        self._dirty_vars: set[str] = set()
        self._itr = None


_NAMES = {
    f"c{__name__}\nChumpyArray\n": "cchumpy.ch\nCh\n",
    f"c{__name__}\nChumpySelection\n": "cchumpy.reordering\nSelect\n",
    "cnumpy._core.multiarray\n": "cnumpy.core.multiarray\n",
    "cscipy.sparse._csc\n": "cscipy.sparse.csc\n",
}


def write_model_pickle(path: Path, entries: dict[str, Any]) -> None:
    """Write a dictionary; the same content always gives the same bytes."""
    data = pickle.dumps(entries, protocol=2)
    for ours, official in _NAMES.items():
        data = data.replace(ours.encode(), official.encode())
    path.write_bytes(data)
