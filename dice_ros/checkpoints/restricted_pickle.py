"""An unpickler that builds a graph of inert objects and can run nothing.

A pickle is a program. Here every name it mentions becomes an :class:`Inert` class, so all its
calls only write down what would have been called. Names that are not on the list are refused, and
so are opcodes that would go around the list, and keys whose hash would take forever.

The unpickler is the one written in Python: the one in C asks nobody before it hashes a key.
"""

from __future__ import annotations

import io
import mmap
import pickle
import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any, ClassVar, cast

from dice_ros.checkpoints.dictionary_keys import checked_key
from dice_ros.checkpoints.inert import (
    Inert,
    StorageReference,
    inert_class,
    is_inert_class,
    origin_of,
)
from dice_ros.checkpoints.pickle_names import allowed_name
from dice_ros.checkpoints.read_budget import ReadBudget
from dice_ros.errors import CheckpointError

MAX_PICKLE_BYTES = 1 << 28
_MAX_DISTINCT_NAMES = 2000
_SHOWN = 200

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


def load_inert(data: bytes, budget: ReadBudget | None = None) -> InertPickle:
    """Read one pickle into inert objects.

    Args:
        data: the pickle; bytes behind its end are ignored.
        budget: what the file may still make its reader do.

    Raises:
        CheckpointError: a name or an opcode is refused, or the pickle is damaged.
    """
    return read_inert(io.BytesIO(data), budget)


def read_inert(stream: IO[bytes] | mmap.mmap, budget: ReadBudget | None = None) -> InertPickle:
    """Read the pickle that begins at the stream's position; the stream then stands behind it.

    Args:
        stream: holds the pickle, and maybe more.
        budget: what the file may still make its reader do.

    Raises:
        CheckpointError: a name or an opcode is refused, or the pickle is damaged or too large.
    """
    budget = budget or ReadBudget()
    start = stream.tell()
    end = _pickle_end(stream, budget)
    stream.seek(start)
    unpickler = _RestrictedUnpickler(stream.read(end - start), budget)
    try:
        root = unpickler.load()
    except CheckpointError:
        raise
    except Exception as error:  # the opcodes are the file's own: any error is the file's fault
        raise CheckpointError(
            f"the pickle is damaged: {type(error).__name__}: {str(error)[:_SHOWN]}"
        ) from error
    return InertPickle(root, tuple(unpickler.references))


def _pickle_end(stream: IO[bytes] | mmap.mmap, budget: ReadBudget) -> int:
    """Walk over one pickle and return the offset behind it.

    Also refuses what the unpickler itself would not survive or not ask about: extension codes,
    memo numbers that claim gigabytes, strings longer than the stream, endless opcodes.
    """
    start = stream.tell()
    try:
        for count, (opcode, argument, place) in enumerate(
            pickletools.genops(cast(IO[bytes], stream))
        ):
            budget.spend_opcodes(1)
            if (place or 0) - start > MAX_PICKLE_BYTES:
                break
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
        raise CheckpointError(
            f"the pickle is truncated or damaged: {str(error)[:_SHOWN]}"
        ) from error
    end = stream.tell()
    if end - start > MAX_PICKLE_BYTES:
        raise CheckpointError(f"a pickle has more than the expected {MAX_PICKLE_BYTES} bytes")
    return end


class _RestrictedUnpickler(pickle._Unpickler):
    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = dict(pickle._Unpickler.dispatch)
    # Of the base class, for the type checker.
    stack: list[Any]
    append: Callable[[object], None]
    pop_mark: Callable[[], list[Any]]

    def __init__(self, data: bytes, budget: ReadBudget) -> None:
        # latin1 keeps the bytes of strings that Python 2 wrote
        super().__init__(io.BytesIO(data), encoding="latin1")
        self._budget = budget
        self._classes: dict[str, type[Inert]] = {}
        self.references: list[StorageReference] = []

    def find_class(self, module: str, name: str, /) -> type[Inert]:
        full = allowed_name(module, name)
        if full is None:
            raise CheckpointError(
                f"the file names {module[:_SHOWN]}.{name[:_SHOWN]}, which is not among the "
                "names it may use: it was not made by the programs it is said to come from, do not "
                "trust it"
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

    def load_reduce(self) -> None:
        arguments, function = self.stack.pop(), self.stack[-1]
        self.stack[-1] = function(*_tuple(arguments))

    def load_newobj(self) -> None:
        arguments, cls = self.stack.pop(), self.stack.pop()
        self.append(_made(cls, _tuple(arguments), {}))

    def load_newobj_ex(self) -> None:
        named, arguments, cls = self.stack.pop(), self.stack.pop(), self.stack.pop()
        self.append(_made(cls, _tuple(arguments), named))

    def load_build(self) -> None:
        state, made = self.stack.pop(), self.stack[-1]
        if not isinstance(made, Inert):
            raise CheckpointError(f"the pickle gives a state to {origin_of(made)}")
        made.__setstate__(state)

    def load_setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._set_items([key, value])

    def load_setitems(self) -> None:
        self._set_items(self.pop_mark())

    def load_dict(self) -> None:
        items = self.pop_mark()
        self.append({})
        self._set_items(items)

    def load_additems(self) -> None:
        members, found = self.pop_mark(), self.stack[-1]
        if not isinstance(found, set):
            raise CheckpointError(f"the pickle adds members to {origin_of(found)}")
        found.update(self._key(member) for member in members)

    def load_frozenset(self) -> None:
        self.append(frozenset(self._key(member) for member in self.pop_mark()))

    def _set_items(self, items: list[object]) -> None:
        target = self.stack[-1]
        if not isinstance(target, (dict, Inert)):
            raise CheckpointError(f"the pickle sets entries of {origin_of(target)}")
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[self._key(key)] = value

    def _key(self, key: object) -> object:
        return checked_key(key, self._budget)

    dispatch |= {
        pickle.REDUCE[0]: load_reduce,
        pickle.NEWOBJ[0]: load_newobj,
        pickle.NEWOBJ_EX[0]: load_newobj_ex,
        pickle.BUILD[0]: load_build,
        pickle.SETITEM[0]: load_setitem,
        pickle.SETITEMS[0]: load_setitems,
        pickle.DICT[0]: load_dict,
        pickle.ADDITEMS[0]: load_additems,
        pickle.FROZENSET[0]: load_frozenset,
    }


def _tuple(arguments: object) -> tuple[Any, ...]:
    """Arguments as every pickler writes them; a text spread out would take eight times its size."""
    if not isinstance(arguments, tuple):
        raise CheckpointError(f"the pickle gives {origin_of(arguments)} as arguments")
    return arguments


def _made(cls: object, arguments: tuple[Any, ...], named: object) -> Inert:
    if not is_inert_class(cls) or not isinstance(named, dict):
        raise CheckpointError(f"the pickle makes an object of {origin_of(cls)}")
    return cast(type[Inert], cls)(*arguments, **named)
