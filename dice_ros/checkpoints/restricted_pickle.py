"""An unpickler that builds a graph of inert objects and can run nothing.

A pickle is a program. Here every name it mentions becomes an :class:`Inert` class, so all its
calls only write down what would have been called. Names that are not on the list are refused, and
so are opcodes that would go around the list.
"""

from __future__ import annotations

import io
import mmap
import pickle
import pickletools
from dataclasses import dataclass
from typing import IO, cast

from dice_ros.checkpoints.inert import Inert, StorageReference, inert_class, is_inert_class
from dice_ros.checkpoints.pickle_names import allowed_name
from dice_ros.errors import CheckpointError

MAX_PICKLE_BYTES = 1 << 30
_MAX_DISTINCT_NAMES = 2000

# Opcodes that fetch objects from tables of the running process instead of from the file.
_REFUSED_OPCODES = {"EXT1", "EXT2", "EXT4", "NEXT_BUFFER", "READONLY_BUFFER"}
_MEMO_OPCODES = {"PUT", "BINPUT", "LONG_BINPUT"}


@dataclass(frozen=True, slots=True)
class InertPickle:
    """A pickle that was read without running it.

    Args:
        root: the top object: plain Python values and :class:`Inert` instances.
        references: every storage reference in the pickle, in the order it was met.
    """

    root: object
    references: tuple[StorageReference, ...]


def pickle_end(stream: IO[bytes] | mmap.mmap) -> int:
    """Walk over one pickle and return the offset behind it.

    Also refuses what the unpickler itself would not survive or not ask about: extension codes,
    memo numbers that claim gigabytes, strings longer than the stream.

    Raises:
        CheckpointError: the pickle is truncated or holds an opcode that is refused.
    """
    start = stream.tell()
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(cast(IO[bytes], stream))):
            if opcode.name in _REFUSED_OPCODES:
                raise CheckpointError(
                    f"the pickle uses the opcode {opcode.name} with {argument!r}, which reaches "
                    "outside the file: do not trust it"
                )
            # Picklers number memo entries one by one, so a number never exceeds the opcode count.
            if opcode.name in _MEMO_OPCODES and isinstance(argument, int) and argument > count + 1:
                raise CheckpointError(f"memo entry {argument} follows only {count} opcodes")
    except CheckpointError:
        raise
    except Exception as error:
        raise CheckpointError(f"the pickle is truncated or damaged: {error}") from error
    end = stream.tell()
    if end - start > MAX_PICKLE_BYTES:
        raise CheckpointError(f"a pickle of {end - start} bytes, expected {MAX_PICKLE_BYTES}")
    return end


def load_inert(data: bytes) -> InertPickle:
    """Read one pickle into inert objects.

    Args:
        data: the pickle; bytes behind its end are ignored.

    Raises:
        CheckpointError: a name or an opcode is refused, or the pickle is damaged.
    """
    end = pickle_end(io.BytesIO(data))
    unpickler = _RestrictedUnpickler(data[:end] if end < len(data) else data)
    try:
        root = unpickler.load()
    except CheckpointError:
        raise
    except Exception as error:  # the opcodes are the file's own: any error is the file's fault
        raise CheckpointError(f"the pickle is damaged: {type(error).__name__}: {error}") from error
    return InertPickle(root, tuple(unpickler.references))


class _RestrictedUnpickler(pickle.Unpickler):
    def __init__(self, data: bytes) -> None:
        # latin1 keeps the bytes of strings that Python 2 wrote
        super().__init__(io.BytesIO(data), encoding="latin1")
        self._classes: dict[str, type[Inert]] = {}
        self.references: list[StorageReference] = []

    def find_class(self, module: str, name: str, /) -> type[Inert]:
        full = allowed_name(module, name)
        if full is None:
            raise CheckpointError(
                f"the file names {module}.{name}, which is not among the names it may use: it was "
                "not made by the programs it is said to come from, do not trust it"
            )
        if full not in self._classes:
            if len(self._classes) >= _MAX_DISTINCT_NAMES:
                raise CheckpointError(f"the pickle uses more than {_MAX_DISTINCT_NAMES} names")
            self._classes[full] = inert_class(full)
        return self._classes[full]

    def persistent_load(self, pid: object, /) -> object:
        if isinstance(pid, tuple) and len(pid) >= 2:
            # The legacy stream wraps the classes of modules together with their source text.
            if pid[0] == "module" and is_inert_class(pid[1]):
                return pid[1]
            if pid[0] == "storage":
                reference = StorageReference(*pid[1:])
                self.references.append(reference)
                return reference
        shown = pid[0] if isinstance(pid, tuple) and pid else pid
        kind = shown[:80] if isinstance(shown, str) else type(shown).__name__
        raise CheckpointError(f"the pickle refers to {kind!r}, which is no tensor storage")
