"""The files beside the weights that the network's fixed template inputs are made from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dice_ros.checkpoints.body_files import FLAME_VERTICES, MANO_VERTICES
from dice_ros.checkpoints.checked_arrays import floats, indices
from dice_ros.checkpoints.checkpoint_file import blaming
from dice_ros.checkpoints.pickled_arrays import read_npy_file
from dice_ros.checkpoints.sparse_matrix import SparseMatrix
from dice_ros.checkpoints.torch_archive import read_torch_file
from dice_ros.errors import CheckpointError

HEAD_LEVELS = (FLAME_VERTICES, 1675, 559)
HAND_LEVELS = (MANO_VERTICES, 195)


def read_down_sampling(path: Path, levels: tuple[int, ...]) -> tuple[SparseMatrix, ...]:
    """The down-sampling matrices of ``head_mesh_transforms.pt`` or ``hand_mesh_transforms.pt``.

    Args:
        path: a dictionary with lists of sparse matrices; only the list ``D`` is read.
        levels: vertices at every level, finest first: ``HEAD_LEVELS`` or ``HAND_LEVELS``.

    Returns:
        One matrix of (coarser, finer) for every step, with finite values.

    Raises:
        CheckpointError: the file is missing, damaged, unsafe, or a matrix is not as it should be.
    """
    found = read_torch_file(path).entry("D")
    with blaming(path):
        if not isinstance(found, (list, tuple)) or len(found) < len(levels) - 1:
            raise CheckpointError(f"'D' is no list of {len(levels) - 1} matrices")
        steps = zip(levels, levels[1:], found, strict=False)
        return tuple(
            _matrix(matrix, f"D[{step}]", (coarse, fine))
            for step, (fine, coarse, matrix) in enumerate(steps)
        )


def read_head_rest(path: Path) -> NDArray[np.float32]:
    """``head_ref_vs.pt``: (5023, 3) float32, metres.

    Raises:
        CheckpointError: the file is missing, damaged, unsafe, or the array not as it should be.
    """
    return _read_rest(path, "head_ref_vs", FLAME_VERTICES)


def read_hand_rest(path: Path) -> NDArray[np.float32]:
    """``rh_ref_vs.pt``: (778, 3) float32, metres.

    Raises:
        CheckpointError: the file is missing, damaged, unsafe, or the array not as it should be.
    """
    return _read_rest(path, "rh_ref_vs", MANO_VERTICES)


def read_neck(path: Path) -> NDArray[np.int64]:
    """``neck_idx.npy``: (N,) int64, vertices of the neck in [0, 5023).

    Raises:
        CheckpointError: the file is missing, damaged, unsafe, or the array not as it should be.
    """
    value = read_npy_file(path).value()
    with blaming(path):
        return indices(value, "neck_idx", (None,), FLAME_VERTICES)


def _read_rest(path: Path, name: str, vertices: int) -> NDArray[np.float32]:
    value = read_torch_file(path).value()
    with blaming(path):
        return floats(value, name, (vertices, 3))


def _matrix(matrix: object, name: str, shape: tuple[int, int]) -> SparseMatrix:
    if isinstance(matrix, np.ndarray):
        dense = floats(matrix, name, shape)
        rows, columns = np.nonzero(dense)
        return SparseMatrix(shape, rows, columns, dense[rows, columns])
    if not isinstance(matrix, SparseMatrix):
        raise CheckpointError(f"{name!r} is {type(matrix).__name__}, expected a sparse matrix")
    if matrix.shape != shape:
        raise CheckpointError(f"{name!r} is a sparse matrix {matrix.shape}, expected {shape}")
    values = floats(matrix.values, name, matrix.values.shape)
    return SparseMatrix(shape, matrix.rows, matrix.columns, values)
