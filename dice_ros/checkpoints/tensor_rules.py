"""One rule per name: what torch's own objects in a pickle mean."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dice_ros.checkpoints.inert import Inert, is_inert_class, origin_of
from dice_ros.checkpoints.name_rules import arguments
from dice_ros.checkpoints.pickle_names import TORCH_DTYPES
from dice_ros.checkpoints.plain_values import PlainReader, Rule
from dice_ros.checkpoints.sparse_matrix import SparseMatrix, from_compressed, from_coordinates
from dice_ros.checkpoints.storage import Storage, tensor_view, whole_numbers
from dice_ros.errors import CheckpointError


def _tensor(reader: PlainReader, node: Inert) -> NDArray[np.generic]:
    """All ``_rebuild_tensor*`` begin with storage, offset, size and stride."""
    values = arguments(reader, node, 4, 9)
    storage = values[0]
    if not isinstance(storage, Storage):
        raise CheckpointError(f"a tensor is made from {origin_of(storage)}, expected a storage")
    if node.origin.endswith("_v3"):
        kind = TORCH_DTYPES.get(origin_of(values[6]).removeprefix("the name "))
        if kind is None:
            raise CheckpointError(f"a tensor of {origin_of(values[6])} is not read")
        storage = storage.as_kind(kind)
    size = whole_numbers(values[2], "tensor size")
    # Before the view: bfloat16 and bool are copied, and a stride of 0 makes a few bytes many.
    widest = max(storage.elements.itemsize, 4)
    reader.budget.spend(math.prod(size) * widest, f"a tensor of size {size[:8]}")
    return tensor_view(storage, values[1], size, values[3])


def _parameter(reader: PlainReader, node: Inert) -> NDArray[np.generic]:
    # Hooks and attributes behind the first argument may be anything and are not looked at.
    data = reader.value(node.args[0]) if node.args else None
    if not isinstance(data, np.ndarray):
        raise CheckpointError(f"a parameter is made from {origin_of(data)}, expected a tensor")
    return data


def _size(reader: PlainReader, node: Inert) -> tuple[object, ...]:
    (size,) = arguments(reader, node, 0, 1)
    if size is not None and not isinstance(size, (list, tuple)):
        raise CheckpointError(f"a torch.Size is made from {origin_of(size)}, expected numbers")
    return tuple(size or ())


def _layout(reader: PlainReader, node: Inert) -> object:
    (name,) = arguments(reader, node, 1, 1)
    if not isinstance(name, str):
        raise CheckpointError(f"a layout is {origin_of(name)}, expected its name")
    return name


def _sparse(reader: PlainReader, node: Inert) -> SparseMatrix:
    layout, parts = arguments(reader, node, 2, 2)
    if not isinstance(layout, str) or not isinstance(parts, tuple):
        raise CheckpointError("a sparse tensor is not stored as torch stores it")
    if layout == "torch.sparse_coo" and len(parts) in (3, 4):
        places, values, shape = parts[:3]
        if not isinstance(places, np.ndarray) or places.ndim != 2 or len(places) != 2:
            raise CheckpointError("a sparse tensor has no row and column indices")
        return from_coordinates(shape, places[0], places[1], values)
    if layout in ("torch.sparse_csr", "torch.sparse_csc") and len(parts) == 4:
        starts, places, values, shape = parts
        return from_compressed(shape, starts, places, values, layout == "torch.sparse_csc")
    raise CheckpointError(f"a sparse tensor of layout {str(layout)[:80]!r} is not read")


def _typed(reader: PlainReader, node: Inert) -> object:
    """A tensor that carries attributes: ``(function, class, arguments, attributes)``."""
    if len(node.args) != 4:
        raise CheckpointError(f"{node.origin} is given {len(node.args)} arguments, expected 4")
    function: Any = node.args[0]
    inner = node.args[2]
    if not is_inert_class(function) or function.origin not in TENSOR_RULES:
        raise CheckpointError(f"a tensor is made by {origin_of(function)}")
    if not isinstance(inner, tuple) or function.origin == node.origin:
        raise CheckpointError("a tensor with attributes is not stored as torch stores it")
    return reader.value(function(*inner))


TENSOR_RULES: dict[str, Rule] = {
    "torch.Size": _size,
    "torch.serialization._get_layout": _layout,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch._utils._rebuild_sparse_tensor": _sparse,
    "torch._tensor._rebuild_from_type_v2": _typed,
    "torch.nn.parameter.Parameter": _parameter,
}
