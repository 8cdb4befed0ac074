"""``.npy`` files, also those that hold a pickled dictionary, read under the same restrictions."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np

from dice_ros.checkpoints.checkpoint_file import CheckpointFile, blaming, map_file
from dice_ros.checkpoints.legacy_stream import plain_pickle
from dice_ros.checkpoints.name_rules import array_from_bytes
from dice_ros.checkpoints.read_budget import ReadBudget
from dice_ros.checkpoints.restricted_pickle import MAX_PICKLE_BYTES
from dice_ros.errors import CheckpointError


def read_npy_file(path: Path) -> CheckpointFile:
    """Open a ``.npy`` file for restricted reading.

    Returns:
        A file whose root is the array, or, for an array of one Python object, that object.

    Raises:
        CheckpointError: the file is missing, truncated, no such file, or names what it may not.
    """
    with blaming(path):
        mapped = map_file(path)
        if len(mapped) > MAX_PICKLE_BYTES:
            raise CheckpointError(f"has {len(mapped)} bytes, far more than expected")
        stream = BytesIO(mapped[:])
        shape, fortran, dtype = _header(stream)
        rest = stream.read()
        root, reader = plain_pickle(rest if dtype.hasobject else b"N.", ReadBudget())
        if not dtype.hasobject:
            return CheckpointFile(path, array_from_bytes(rest, dtype, shape, fortran), reader)
        # The pickled array of one object means that object, which may well stay unread.
        state = getattr(root, "state", None)
        items = state[4] if isinstance(state, tuple) and len(state) == 5 else None
        if shape not in ((), (1,)) or not isinstance(items, list) or len(items) != 1:
            raise CheckpointError(f"is an object array of shape {shape}, expected one object")
        return CheckpointFile(path, items[0], reader)


def _header(stream: BytesIO) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    try:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            return np.lib.format.read_array_header_1_0(stream)
        return np.lib.format.read_array_header_2_0(stream)
    except Exception as error:  # a damaged header is parsed as Python text and may fail in any way
        raise CheckpointError(f"is no whole .npy file: {error}") from error
