"""Converted weights: safetensors with what is known about their origin, never a pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dice_ros.errors import CheckpointError, OutputError
from dice_ros.whole_file import whole_file

FORMAT = "dice_ros weights"
FORMAT_VERSION = "1"
# The published network takes 0.3 million.
_MAX_HEADER_BYTES = 100_000_000
_STORED_DTYPES = {
    **{"float64": "F64", "float32": "F32", "float16": "F16", "bool": "BOOL"},
    **{"int64": "I64", "int32": "I32", "int16": "I16", "int8": "I8"},
    **{"uint64": "U64", "uint32": "U32", "uint16": "U16", "uint8": "U8"},
}
_INSTALL = "safetensors is needed for converted weights: run `pip install torch smplx safetensors`"


@dataclass(frozen=True, slots=True)
class WeightsOrigin:
    """Where weights come from.

    Args:
        source_sha256: of the file they were converted from, 64 hexadecimal digits.
        synthetic: they were made up for tests and mean nothing.
        config: sizes of the network, plain JSON values.
    """

    source_sha256: str
    synthetic: bool
    config: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Weights:
    """Tensors by published name, and their origin."""

    tensors: dict[str, NDArray[np.generic]]
    origin: WeightsOrigin


def write_weights(
    path: Path, tensors: Mapping[str, NDArray[np.generic]], origin: WeightsOrigin
) -> None:
    """Write a file that is either whole or absent; one that exists is replaced.

    Raises:
        OutputError: the folder cannot be written, the disk is full, or a dtype has no place in
            the format; nothing is left behind.
    """
    header = _header(tensors, origin)
    try:
        with whole_file(path) as file:
            file.write(len(header).to_bytes(8, "little") + header)
            for name in _stored_order(tensors):
                file.write(np.asarray(tensors[name], order="C").data)
    except OSError as error:
        raise OutputError(
            f"the weights cannot be written to {path}: {error.strerror or error}; free space or "
            "choose another folder"
        ) from error


def read_weights(
    path: Path,
    expected: Mapping[str, tuple[int, ...]] | None = None,
    require_finite: bool = True,
) -> Weights:
    """Read converted weights.

    Args:
        path: made by :func:`write_weights`.
        expected: shape of every tensor by name; None takes what is there.
        require_finite: refuse NaN and infinity.

    Raises:
        CheckpointError: the file is missing, truncated, of another format, or a tensor is
            missing, unexpected, of the wrong shape or not finite.
    """
    library = _library()
    try:
        with library.safe_open(path, framework="numpy") as stored:
            origin = _origin(path, stored.metadata() or {})
            shapes = {name: tuple(stored.get_slice(name).get_shape()) for name in stored.keys()}  # noqa: SIM118
            _check_shapes(path, shapes, expected)
            tensors = {name: stored.get_tensor(name) for name in expected or sorted(shapes)}
    except FileNotFoundError:
        raise CheckpointError(f"{path} is missing: convert the published weights first") from None
    except (OSError, library.SafetensorError, ValueError, TypeError, KeyError) as error:
        raise CheckpointError(
            f"{path} is no whole file of converted weights ({error}): convert them again"
        ) from error
    for name, tensor in tensors.items():
        if require_finite and tensor.dtype.kind in "fc" and not np.all(np.isfinite(tensor)):
            raise CheckpointError(f"{path}: tensor {name!r} holds NaN or infinity")
    return Weights(tensors, origin)


def is_weights_file(path: Path) -> bool:
    """Whether a file begins as :func:`write_weights` does, whatever its version."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(min(length, _MAX_HEADER_BYTES)))
        return bool(header["__metadata__"]["format"] == FORMAT)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def _origin(path: Path, metadata: Mapping[str, str]) -> WeightsOrigin:
    found = metadata.get("format"), metadata.get("version")
    if found != (FORMAT, FORMAT_VERSION):
        raise CheckpointError(
            f"{path} has format {found[0]!r} version {found[1]!r}, expected {FORMAT!r} version "
            f"{FORMAT_VERSION!r}: convert the published weights again"
        )
    synthetic = metadata.get("synthetic")
    config = json.loads(metadata.get("config", "null"))
    if synthetic not in ("true", "false") or not isinstance(config, dict):
        raise CheckpointError(f"{path} does not tell what its weights are: convert them again")
    return WeightsOrigin(metadata.get("source_sha256", ""), synthetic == "true", config)


def _check_shapes(
    path: Path,
    shapes: Mapping[str, tuple[int, ...]],
    expected: Mapping[str, tuple[int, ...]] | None,
) -> None:
    if expected is None:
        return
    missing = [name for name in expected if name not in shapes]
    unexpected = [name for name in shapes if name not in expected]
    if missing or unexpected:
        raise CheckpointError(
            f"{path}: {len(missing)} tensors are missing {missing[:5]}, {len(unexpected)} "
            f"unexpected {unexpected[:5]}"
        )
    for name, shape in expected.items():
        if shapes[name] != tuple(shape):
            raise CheckpointError(
                f"{path}: tensor {name!r} has shape {shapes[name]}, expected {tuple(shape)}"
            )


def _stored_order(tensors: Mapping[str, NDArray[np.generic]]) -> list[str]:
    """Wide elements first, so that every tensor is aligned."""
    return sorted(tensors, key=lambda name: (-tensors[name].itemsize, name))


def _header(tensors: Mapping[str, NDArray[np.generic]], origin: WeightsOrigin) -> bytes:
    """Names, dtypes and places in an order that makes equal weights equal bytes.

    The library itself writes its metadata in a random order.
    """
    entries: dict[str, object] = {
        "__metadata__": {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "source_sha256": origin.source_sha256,
            "synthetic": "true" if origin.synthetic else "false",
            "config": json.dumps(dict(origin.config), sort_keys=True),
        }
    }
    end = 0
    for name in _stored_order(tensors):
        tensor = tensors[name]
        dtype = _STORED_DTYPES.get(str(tensor.dtype))
        if dtype is None:
            raise OutputError(
                f"tensor {name!r} is {tensor.dtype}, expected one of {', '.join(_STORED_DTYPES)}"
            )
        offsets = [end, end + tensor.nbytes]
        entries[name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": offsets}
        end += tensor.nbytes
    text = json.dumps(entries, separators=(",", ":")).encode()
    return text + b" " * (-len(text) % 8)


def _library() -> Any:
    try:
        import safetensors.numpy  # noqa: PLC0415  # only people with converted weights need it
    except ImportError as error:
        raise CheckpointError(_INSTALL) from error
    return safetensors
