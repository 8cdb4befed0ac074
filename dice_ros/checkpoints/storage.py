"""Tensor storages and the views that tensors take of them, checked before any byte is touched."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dice_ros.errors import CheckpointError

_MAX_DIMENSIONS = 32


def element_dtype(kind: str) -> np.dtype[np.generic]:
    """How elements of a kind lie in memory; bfloat16 has no NumPy type, bool may hold any byte."""
    return np.dtype({"bfloat16": "uint16", "bool": "uint8"}.get(kind, kind))


@dataclass(frozen=True, slots=True)
class Storage:
    """The flat elements behind one or more tensors.

    Args:
        kind: element type as torch calls it, e.g. ``float32`` or ``bfloat16``.
        elements: (N,) of :func:`element_dtype`, read-only.
    """

    kind: str
    elements: NDArray[np.generic]

    def as_kind(self, kind: str) -> Storage:
        """The same bytes seen as another element type (untyped storages)."""
        dtype = element_dtype(kind)
        raw = self.elements.view(np.uint8)
        if raw.size % dtype.itemsize:
            raise CheckpointError(f"a storage of {raw.size} bytes does not hold whole {kind}")
        return Storage(kind, raw.view(dtype))


def tensor_view(
    storage: Storage, offset: object, size: object, stride: object
) -> NDArray[np.generic]:
    """The array that a tensor's offset, size and stride select.

    Args:
        storage: where its elements are.
        offset: first element.
        size: elements along each axis.
        stride: steps in elements along each axis.

    Returns:
        A read-only view; float32 values for bfloat16, bool for bool.

    Raises:
        CheckpointError: the view is malformed or leaves the storage.
    """
    shape = whole_numbers(size, "tensor size")
    steps = whole_numbers(stride, "tensor stride")
    (start,) = whole_numbers((offset,), "tensor offset")
    if len(shape) != len(steps) or len(shape) > _MAX_DIMENSIONS:
        raise CheckpointError(f"a tensor of size {shape[:8]} has stride {steps[:8]}")
    if math.prod(shape) == 0:
        return widened(storage.kind, np.zeros(checked_shape(shape), storage.elements.dtype))
    last = start + sum((count - 1) * step for count, step in zip(shape, steps, strict=True))
    if last >= storage.elements.size:
        raise CheckpointError(
            f"a tensor of size {shape}, stride {steps} and offset {start} leaves its storage of "
            f"{storage.elements.size} elements"
        )
    view = np.lib.stride_tricks.as_strided(
        storage.elements[start:],
        checked_shape(shape),
        [step * storage.elements.itemsize for step in steps],
        writeable=False,
    )
    return widened(storage.kind, view)


def widened(kind: str, elements: NDArray[np.generic]) -> NDArray[np.generic]:
    """Elements as NumPy can hold them: bfloat16 becomes float32 without loss."""
    if kind == "bfloat16":
        wide: NDArray[np.uint32] = elements.astype(np.uint32) << np.uint32(16)
        return wide.view(np.float32)
    if kind == "bool":
        true: NDArray[np.bool_] = elements.astype(np.bool_)
        return true
    return elements


def whole_numbers(values: object, what: str) -> tuple[int, ...]:
    """Check that values are a sequence of non-negative whole numbers."""
    if not isinstance(values, Sequence) or isinstance(values, (str, bytes)):
        raise CheckpointError(f"a {what} is {type(values).__name__}, expected whole numbers")
    numbers = []
    for value in values:
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 0:
            shown = value if isinstance(value, (int, float)) else type(value).__name__
            raise CheckpointError(f"a {what} holds {shown}, expected a whole number from 0")
        numbers.append(int(value))
    return tuple(numbers)


def checked_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Refuse shapes that NumPy cannot hold, even those with a zero in them."""
    if len(shape) > _MAX_DIMENSIONS or math.prod(max(count, 1) for count in shape) > 1 << 40:
        raise CheckpointError(f"an array of shape {shape[:8]} is too large")
    return shape
