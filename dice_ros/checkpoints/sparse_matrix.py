"""Sparse matrices as plain arrays, whatever library wrote them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dice_ros.checkpoints.storage import checked_shape, whole_numbers
from dice_ros.errors import CheckpointError

_MAX_DENSE_BYTES = 1 << 29


@dataclass(frozen=True, slots=True)
class SparseMatrix:
    """Entries of a matrix; entries at the same place add up.

    Args:
        shape: (rows, columns).
        rows: (N,) int64 in [0, rows).
        columns: (N,) int64 in [0, columns).
        values: (N,) float or integer.
    """

    shape: tuple[int, int]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    values: NDArray[np.generic]

    def dense(self) -> NDArray[np.generic]:
        """The matrix written out: (rows, columns) of the values' dtype.

        Raises:
            CheckpointError: it would not fit into 512 MiB.
        """
        if self.shape[0] * self.shape[1] * self.values.itemsize > _MAX_DENSE_BYTES:
            raise CheckpointError(f"a sparse matrix of {self.shape} is too large to write out")
        matrix = np.zeros(self.shape, self.values.dtype)
        np.add.at(matrix, (self.rows, self.columns), self.values)
        return matrix


def from_coordinates(shape: object, rows: object, columns: object, values: object) -> SparseMatrix:
    """Check and keep entries given as (row, column, value).

    Raises:
        CheckpointError: lengths differ or an index lies outside the shape.
    """
    size = _matrix_shape(shape)
    row = _indices(rows, size[0], "row")
    column = _indices(columns, size[1], "column")
    entries = _vector(values, "values")
    if not len(row) == len(column) == len(entries):
        raise CheckpointError(
            f"a sparse matrix has {len(row)} rows, {len(column)} columns and {len(entries)} values"
        )
    return SparseMatrix(size, row, column, entries)


def from_compressed(
    shape: object, starts: object, indices: object, values: object, by_column: bool
) -> SparseMatrix:
    """Check and unfold entries grouped by column (CSC) or by row (CSR).

    Args:
        shape: (rows, columns).
        starts: for every column (row), where its entries begin, and the end.
        indices: row (column) of every entry.
        values: one for every entry.
        by_column: CSC instead of CSR.

    Raises:
        CheckpointError: the starts do not rise from 0 to the number of entries, or see
            :func:`from_coordinates`.
    """
    groups = _matrix_shape(shape)[1 if by_column else 0]
    count = len(_vector(indices, "indices"))
    begin = _indices(starts, count + 1, "start").astype(np.int64)
    lengths = np.diff(begin)
    if len(begin) != groups + 1 or begin[0] != 0 or begin[-1] != count or np.any(lengths < 0):
        raise CheckpointError(
            f"the {len(begin)} starts of a sparse matrix do not divide its {count} entries into "
            f"{groups} groups"
        )
    group = np.repeat(np.arange(groups, dtype=np.int64), lengths)
    rows, columns = (indices, group) if by_column else (group, indices)
    return from_coordinates(shape, rows, columns, values)


def _matrix_shape(shape: object) -> tuple[int, int]:
    size = checked_shape(whole_numbers(shape, "sparse matrix shape"))
    if len(size) != 2:
        raise CheckpointError(f"a sparse matrix has the shape {size}, expected rows and columns")
    return size[0], size[1]


def _vector(values: object, what: str) -> NDArray[np.generic]:
    if not isinstance(values, np.ndarray) or values.ndim != 1 or values.dtype.kind not in "biuf":
        found = f"{values.dtype} {values.shape}" if isinstance(values, np.ndarray) else "no array"
        raise CheckpointError(f"the {what} of a sparse matrix are {found}, expected one axis")
    return values


def _indices(values: object, limit: int, what: str) -> NDArray[np.int64]:
    array = _vector(values, f"{what} indices")
    if array.dtype.kind not in "iu":
        raise CheckpointError(f"the {what} indices of a sparse matrix are {array.dtype}")
    if array.size and (array.min() < 0 or array.max() >= limit):
        raise CheckpointError(
            f"the {what} indices of a sparse matrix reach from {array.min()} to {array.max()}, "
            f"expected 0 to {limit - 1}"
        )
    return array.astype(np.int64)
