"""The named tensors of a saved network, as torch's ``state_dict`` would list them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dice_ros.checkpoints.checkpoint_file import CheckpointFile, blaming
from dice_ros.checkpoints.inert import Inert, origin_of
from dice_ros.checkpoints.plain_values import PlainReader
from dice_ros.checkpoints.torch_archive import read_torch_file
from dice_ros.errors import CheckpointError

_MAX_TENSORS = 100_000
_MAX_MODULE_DEPTH = 60
# The published ones have up to 76 characters.
_MAX_NAME = 200
_WRAPPERS = ("state_dict", "model_state_dict", "model", "network")


def read_network_tensors(path: Path) -> dict[str, NDArray[np.generic]]:
    """All tensors of a saved module or state dict, in torch's order and under torch's names.

    Args:
        path: made by ``torch.save`` of a module, of its ``state_dict()``, or of a dictionary with
            one of them under ``state_dict``, ``model_state_dict``, ``model`` or ``network``.

    Returns:
        Name -> read-only array, a view of the mapped file where its dtype allows.

    Raises:
        CheckpointError: the file is missing, damaged, unsafe or holds no network.
    """
    file = read_torch_file(path)
    with blaming(path):
        return network_tensors(file)


def network_tensors(file: CheckpointFile) -> dict[str, NDArray[np.generic]]:
    """As :func:`read_network_tensors`, of an open file; errors do not name the file.

    Raises:
        CheckpointError: something is malformed or there is no network.
    """
    node = file.root
    for _ in range(3):
        entries = file.reader.mapping(node)
        wrapped = [
            name for name in _WRAPPERS if entries and _holds_tensors(file, entries.get(name))
        ]
        if not entries or not wrapped:
            break
        node = entries[wrapped[0]]
    collector = _Collector(file.reader)
    entries = file.reader.mapping(node)
    if isinstance(node, Inert) and _is_module(file.reader, node):
        collector.add_module(node)
    elif entries is not None:
        for name, value in entries.items():
            collector.add(name, value)
    else:
        raise CheckpointError(f"holds {origin_of(node)}, expected a network or its state dict")
    if not collector.tensors:
        raise CheckpointError("holds no tensors")
    return collector.tensors


def _holds_tensors(file: CheckpointFile, node: object) -> bool:
    if file.reader.mapping(node) is not None:
        return True
    return isinstance(node, Inert) and _is_module(file.reader, node)


def _is_module(reader: PlainReader, node: Inert) -> bool:
    state = reader.mapping(node.state)
    return state is not None and "_modules" in state and "_parameters" in state


class _Collector:
    def __init__(self, reader: PlainReader) -> None:
        self.tensors: dict[str, NDArray[np.generic]] = {}
        self._reader = reader
        self._visits = 0

    def add_module(self, node: Inert, path: tuple[str, ...] = ()) -> None:
        # Modules may be shared, so few of them can stand at very many places.
        self._visits += 1
        if len(path) > _MAX_MODULE_DEPTH or self._visits > _MAX_TENSORS:
            raise CheckpointError("holds too many modules, or they are nested too deeply")
        state = self._reader.mapping(node.state) or {}
        unsaved = self._reader.value(state.get("_non_persistent_buffers_set"))
        hidden = unsaved if isinstance(unsaved, (set, frozenset, list)) else ()
        for group in ("_parameters", "_buffers"):
            for name, value in self._entries(state, group, path).items():
                if value is not None and not (group == "_buffers" and name in hidden):
                    self.add(".".join((*path, name)), value)
        for name, child in self._entries(state, "_modules", path).items():
            if child is None:
                continue
            if len(name) > _MAX_NAME:
                raise CheckpointError(f"a module's name has {len(name)} characters")
            inside = (*path, name)
            if not isinstance(child, Inert) or not _is_module(self._reader, child):
                raise CheckpointError(f"module {'.'.join(inside)!r} is {origin_of(child)}")
            self.add_module(child, inside)

    def add(self, name: object, node: object) -> None:
        if not isinstance(name, str):
            raise CheckpointError(f"a tensor is named by {origin_of(name)}, expected a text")
        if len(name) > _MAX_NAME:
            raise CheckpointError(
                f"a tensor's name has {len(name)} characters, expected at most {_MAX_NAME}: "
                f"{name[:_MAX_NAME]!r}..."
            )
        if len(self.tensors) >= _MAX_TENSORS:
            raise CheckpointError(f"holds more than {_MAX_TENSORS} tensors")
        try:
            value = self._reader.value(node)
        except CheckpointError as error:
            raise CheckpointError(f"tensor {name!r}: {error}") from error
        if not isinstance(value, np.ndarray):
            raise CheckpointError(f"{name!r} is {origin_of(value)}, expected a tensor")
        self.tensors[name] = value

    def _entries(
        self, state: dict[object, object], group: str, path: tuple[str, ...]
    ) -> dict[str, object]:
        entries = self._reader.mapping(state.get(group, {}))
        if entries is None:
            raise CheckpointError(f"{group} of module {'.'.join(path)!r} is no dictionary")
        named = {name: value for name, value in entries.items() if isinstance(name, str)}
        if len(named) != len(entries):
            raise CheckpointError(f"{group} of module {'.'.join(path)!r} has names of no text")
        return named
