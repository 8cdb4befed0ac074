"""Arrays out of a file, in the shape that is expected of them or not at all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dice_ros.checkpoints.inert import origin_of
from dice_ros.checkpoints.sparse_matrix import SparseMatrix
from dice_ros.errors import CheckpointError

# What Python 2 wrote for "no parent" into unsigned kinematic trees.
_NO_PARENT = (1 << 32) - 1


def floats(value: object, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Finite numbers as float32; sparse matrices are written out.

    Raises:
        CheckpointError: it is no array of floats, has another shape, or holds NaN or infinity.
    """
    array = _shaped(value, name, shape)
    if array.dtype.kind != "f":
        raise CheckpointError(f"{name!r} is {array.dtype} {array.shape}, expected floats")
    with np.errstate(over="ignore"):
        narrow = np.asarray(array, np.float32, order="C")
    bad = int(np.count_nonzero(~np.isfinite(narrow)))
    if bad:
        raise CheckpointError(f"{name!r} has {bad} entries that are not finite, expected none")
    return narrow


def indices(
    value: object, name: str, shape: tuple[int | None, ...], limit: int
) -> NDArray[np.int64]:
    """Whole numbers from 0 to ``limit - 1`` as int64.

    Args:
        value: what the file holds.
        name: for messages.
        shape: None where any length will do.
        limit: one more than the largest index.

    Raises:
        CheckpointError: it is no array of integers, has another shape or leaves the range.
    """
    array = _whole(value, name, shape)
    if array.size and (array.min() < 0 or array.max() >= limit):
        raise CheckpointError(
            f"{name!r} reaches from {array.min()} to {array.max()}, expected 0 to {limit - 1}"
        )
    return array


def parents(value: object, name: str, joints: int) -> NDArray[np.int64]:
    """Parent of every joint from a ``kintree_table``.

    Returns:
        (joints,) int64; -1 for the root, which is joint 0; else smaller than the joint itself.

    Raises:
        CheckpointError: it is no tree of that many joints in this order.
    """
    table = _whole(value, name, (2, joints))
    tree: NDArray[np.int64] = table[0].copy()
    if tree[0] == _NO_PARENT:
        tree[0] = -1
    order = np.arange(joints)
    if tree[0] != -1 or np.any(table[1] != order) or np.any(tree[1:] < 0):
        raise CheckpointError(f"{name!r} is no tree of the joints 0 to {joints - 1}")
    if np.any(tree >= order):
        raise CheckpointError(f"{name!r} has a joint before its parent")
    return tree


def _whole(value: object, name: str, shape: tuple[int | None, ...]) -> NDArray[np.int64]:
    array = _shaped(value, name, shape)
    if not np.issubdtype(array.dtype, np.integer):
        raise CheckpointError(f"{name!r} is {array.dtype} {array.shape}, expected whole numbers")
    return array.astype(np.int64)


def _shaped(value: object, name: str, shape: tuple[int | None, ...]) -> NDArray[np.generic]:
    array = value
    if isinstance(value, SparseMatrix):
        # Before it is written out: a wrong shape may also be a huge one.
        _check_shape("sparse matrix", value.shape, name, shape)
        array = value.dense()
    if not isinstance(array, np.ndarray):
        raise CheckpointError(f"{name!r} is {origin_of(value)}, expected an array of {shape}")
    _check_shape(str(array.dtype), array.shape, name, shape)
    return array


def _check_shape(
    kind: str, found: tuple[int, ...], name: str, shape: tuple[int | None, ...]
) -> None:
    fits = len(found) == len(shape) and all(
        want in (None, have) for have, want in zip(found, shape, strict=True)
    )
    if not fits:
        wanted = str(shape).replace("None", "any")
        raise CheckpointError(f"{name!r} is {kind} {found}, expected shape {wanted}")
