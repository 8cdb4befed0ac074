"""One rule per name: what Python, NumPy, SciPy and chumpy objects in a pickle mean."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dice_ros.checkpoints.inert import Inert, is_inert_class, origin_of
from dice_ros.checkpoints.plain_values import PlainReader, Rule
from dice_ros.checkpoints.sparse_matrix import SparseMatrix, from_compressed, from_coordinates
from dice_ros.checkpoints.storage import checked_shape, whole_numbers
from dice_ros.errors import CheckpointError

_NUMBER_CODE = re.compile(r"[biufc]\d{1,2}")
_OBJECT = np.dtype(object)


def arguments(reader: PlainReader, node: Inert, least: int, most: int) -> list[object]:
    """The plain arguments of a call, padded with None.

    Raises:
        CheckpointError: there are too few or too many.
    """
    if node.kwargs or not least <= len(node.args) <= most:
        raise CheckpointError(
            f"{node.origin} is given {len(node.args)} arguments, expected {least} to {most}"
        )
    return [reader.value(value) for value in node.args] + [None] * (most - len(node.args))


def raw_state(reader: PlainReader, node: Inert) -> dict[object, object]:
    """The attributes stored with an object, their values unread.

    Raises:
        CheckpointError: the state is no dictionary.
    """
    state = reader.mapping(node.state)
    if state is None:
        raise CheckpointError(
            f"the state of {node.origin} is {origin_of(node.state)}, expected a dict"
        )
    return state


def _encode(reader: PlainReader, node: Inert) -> bytes:
    text, codec = arguments(reader, node, 1, 2)
    if not isinstance(text, str) or codec not in ("latin1", "latin-1"):
        raise CheckpointError("_codecs.encode is used for something else than latin1 bytes")
    reader.budget.spend(len(text), "a string of bytes")
    return text.encode("latin1")


def _bytes(reader: PlainReader, node: Inert) -> bytes:
    arguments(reader, node, 0, 0)
    return b""


def _set(reader: PlainReader, node: Inert) -> set[object]:
    (members,) = arguments(reader, node, 0, 1)
    if members is None:
        return set()
    if not isinstance(members, (list, tuple, set)):
        raise CheckpointError(f"a set is made from {origin_of(members)}, expected a list")
    return {reader.key(member) for member in members}


def _reconstructor(reader: PlainReader, node: Inert) -> object:
    """An object of a class without arguments, as pickle protocols 0 and 1 store it."""
    if len(node.args) != 3:
        raise CheckpointError(f"copyreg._reconstructor is given {len(node.args)} arguments")
    cls, base, state = node.args
    plain = is_inert_class(base) and base.origin == "builtins.object"  # type: ignore[attr-defined]
    if not is_inert_class(cls) or not plain or state is not None:
        raise CheckpointError(
            f"copyreg._reconstructor is given {origin_of(cls)} on {origin_of(base)}, expected a "
            "class on object"
        )
    made: Inert = cls()  # type: ignore[operator]
    made.state = node.state
    return reader.value(made)


def _dtype(reader: PlainReader, node: Inert) -> np.dtype[Any]:
    code, _, _ = arguments(reader, node, 1, 3)
    state = reader.value(node.state) or (3, "|")
    if not isinstance(code, str) or not isinstance(state, tuple) or len(state) < 2:
        raise CheckpointError("a numpy.dtype is not stored as NumPy stores it")
    if code in ("O", "O8", "O4"):
        return _OBJECT
    order = state[1]
    structured = any(part is not None for part in state[2:5])
    if not _NUMBER_CODE.fullmatch(code) or order not in ("<", ">", "|", "=") or structured:
        raise CheckpointError(f"arrays of dtype {code[:20]!r} are not read, expected numbers")
    try:
        dtype: np.dtype[Any] = np.dtype(code).newbyteorder("=" if order == "|" else order)
    except TypeError as error:
        raise CheckpointError(f"arrays of dtype {code!r} are unknown") from error
    return dtype


def array_from_bytes(
    data: object, dtype: object, shape: object, fortran: object
) -> NDArray[np.generic]:
    """An array in the machine's byte order from its raw bytes.

    Raises:
        CheckpointError: the bytes are not exactly one array of this shape and dtype.
    """
    size = checked_shape(whole_numbers(shape, "array shape"))
    if isinstance(data, str):  # written by Python 2
        data = data.encode("latin1")
    if not isinstance(data, (bytes, bytearray, memoryview)) or not isinstance(dtype, np.dtype):
        raise CheckpointError(f"an array's data is {origin_of(data)}, expected bytes")
    if dtype.kind not in "biufc":
        raise CheckpointError(f"arrays of dtype {dtype} are not read, expected numbers")
    if len(data) != math.prod(size) * dtype.itemsize:
        raise CheckpointError(
            f"an array of {dtype} {size} has {len(data)} bytes, expected "
            f"{math.prod(size) * dtype.itemsize}"
        )
    flat: NDArray[np.generic] = np.frombuffer(data, dtype) if data else np.zeros(0, dtype)
    if dtype.kind == "b":
        flat = flat.view(np.uint8) != 0
    ordered = flat.reshape(size, order="F" if fortran else "C")
    return ordered.astype(dtype.newbyteorder("="), copy=False)


def _ndarray(reader: PlainReader, node: Inert) -> object:
    """``_reconstruct(ndarray, (0,), b'b')`` with the array in its state.

    Returns:
        An array; the one member itself for an object array of one; else the node, unread.
    """
    if node.state is None:
        raise CheckpointError("an array comes without its data")
    if not isinstance(node.state, tuple) or len(node.state) != 5:
        raise CheckpointError("an array is not stored as NumPy stores it")
    _, shape, dtype, fortran, data = (reader.value(part) for part in node.state)
    if dtype is not _OBJECT:
        array = array_from_bytes(data, dtype, shape, fortran)
        reader.budget.spend(array.nbytes, "an array")
        return array
    if isinstance(data, list) and len(data) == 1 and math.prod(whole_numbers(shape, "shape")) == 1:
        return data[0]
    return node


def _scalar(reader: PlainReader, node: Inert) -> object:
    dtype, data = arguments(reader, node, 2, 2)
    return array_from_bytes(data, dtype, (), False)[()]


def _frombuffer(reader: PlainReader, node: Inert) -> object:
    data, dtype, shape, order = arguments(reader, node, 4, 4)
    return array_from_bytes(data, dtype, shape, order == "F")


def _compressed(reader: PlainReader, node: Inert) -> SparseMatrix:
    state = {key: reader.value(value) for key, value in raw_state(reader, node).items()}
    return from_compressed(
        state.get("_shape", state.get("shape")),
        state.get("indptr"),
        state.get("indices"),
        state.get("data"),
        by_column=".csc." in node.origin,
    )


def _coordinates(reader: PlainReader, node: Inert) -> SparseMatrix:
    state = {key: reader.value(value) for key, value in raw_state(reader, node).items()}
    coords = state.get("coords", (state.get("row"), state.get("col")))
    if not isinstance(coords, tuple) or len(coords) != 2:
        raise CheckpointError("a sparse matrix has no row and column indices")
    shape = state.get("_shape", state.get("shape"))
    return from_coordinates(shape, coords[0], coords[1], state.get("data"))


def _chumpy_term(reader: PlainReader, node: Inert, name: str) -> NDArray[np.generic]:
    value = reader.value(raw_state(reader, node).get(name))
    if not isinstance(value, np.ndarray):
        raise CheckpointError(f"{node.origin} holds no array {name!r} but {origin_of(value)}")
    return value


def _chumpy_constant(reader: PlainReader, node: Inert) -> object:
    return _chumpy_term(reader, node, "x") if "x" in raw_state(reader, node) else node


def _chumpy_select(reader: PlainReader, node: Inert) -> NDArray[np.generic]:
    source = _chumpy_term(reader, node, "a").ravel()
    chosen = _chumpy_term(reader, node, "idxs").ravel()
    if chosen.dtype.kind not in "iu" or (
        chosen.size and (chosen.min() < 0 or chosen.max() >= source.size)
    ):
        raise CheckpointError(f"{node.origin} selects outside its {source.size} entries")
    reader.budget.spend(chosen.size * source.itemsize, node.origin)
    shape = reader.value(raw_state(reader, node).get("preferred_shape"))
    if isinstance(shape, np.ndarray):
        shape = shape.tolist()
    selected = source[chosen.astype(np.int64)]
    return selected if shape is None else _reshaped(node, selected, shape)


def _chumpy_reshape(reader: PlainReader, node: Inert) -> NDArray[np.generic]:
    shape = reader.value(raw_state(reader, node).get("newshape"))
    return _reshaped(node, _chumpy_term(reader, node, "a"), shape)


def _chumpy_transpose(reader: PlainReader, node: Inert) -> NDArray[np.generic]:
    source = _chumpy_term(reader, node, "a")
    axes = reader.value(raw_state(reader, node).get("axes"))
    if axes is None:
        return np.ascontiguousarray(source.T)
    order = whole_numbers(axes, "chumpy transpose")
    if sorted(order) != list(range(source.ndim)):
        raise CheckpointError(f"{node.origin} orders the axes as {order[:8]}")
    return np.ascontiguousarray(source.transpose(order))


def _reshaped(node: Inert, array: NDArray[np.generic], shape: object) -> NDArray[np.generic]:
    if shape in (-1, (-1,), [-1]):
        return array.ravel()
    size = whole_numbers(shape, "chumpy shape")
    if math.prod(size) != array.size or len(size) > 32:
        raise CheckpointError(f"{node.origin} reshapes {array.shape} into {size[:8]}")
    return array.reshape(size)


NAME_RULES: dict[str, Rule] = {
    "_codecs.encode": _encode,
    "builtins.bytes": _bytes,
    "builtins.set": _set,
    "builtins.frozenset": _set,
    "copyreg._reconstructor": _reconstructor,
    "numpy.dtype": _dtype,
    "numpy.core.multiarray._reconstruct": _ndarray,
    "numpy.core.multiarray.scalar": _scalar,
    "numpy.core.numeric._frombuffer": _frombuffer,
    "scipy.sparse.csc.csc_matrix": _compressed,
    "scipy.sparse.csc.csc_array": _compressed,
    "scipy.sparse.csr.csr_matrix": _compressed,
    "scipy.sparse.csr.csr_array": _compressed,
    "scipy.sparse.coo.coo_matrix": _coordinates,
    "scipy.sparse.coo.coo_array": _coordinates,
    "chumpy.ch.Ch": _chumpy_constant,
    "chumpy.reordering.Select": _chumpy_select,
    "chumpy.reordering.Reshape": _chumpy_reshape,
    "chumpy.reordering.transpose": _chumpy_transpose,
}
