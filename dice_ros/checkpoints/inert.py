"""What a pickle asks for, kept as data: a name, the arguments and the state, never a call."""

from __future__ import annotations

from typing import ClassVar

from typing_extensions import Self

from dice_ros.errors import CheckpointError


class Inert:
    """Stands where the unpickler would have made an object.

    There is one subclass for every name in a file, so the unpickler can treat it as a class or as
    a function; each use makes an instance that only remembers what it was given. State is kept in
    one slot and never becomes attributes.
    """

    __slots__ = ("args", "items", "kwargs", "state")

    origin: ClassVar[str] = ""

    args: tuple[object, ...]
    kwargs: dict[str, object]
    state: object
    items: list[tuple[object, object]]

    def __new__(cls, *args: object, **kwargs: object) -> Self:
        """Remember the arguments."""
        self = object.__new__(cls)
        self.args = args
        self.kwargs = kwargs
        self.state = None
        self.items = []
        return self

    def __setstate__(self, state: object) -> None:
        """Remember the state (opcode BUILD)."""
        if self.state is not None:
            raise CheckpointError(f"the state of one {self.origin} is set twice")
        self.state = state

    def __setitem__(self, key: object, value: object) -> None:
        """Remember an entry (opcodes SETITEM and SETITEMS)."""
        self.items.append((key, value))


class StorageReference(Inert):
    """Points to a tensor's bytes outside the pickle."""

    __slots__ = ()

    origin = "storage reference"


def inert_class(origin: str) -> type[Inert]:
    """A class that stands for the dotted name ``origin``."""
    return type("Inert", (Inert,), {"__slots__": (), "origin": origin})


def is_inert_class(value: object) -> bool:
    """Whether a name itself was stored, not something made with it."""
    return isinstance(value, type) and issubclass(value, Inert)


def origin_of(value: object) -> str:
    """The dotted name behind a value, for messages."""
    if isinstance(value, Inert):
        return value.origin
    if isinstance(value, type) and issubclass(value, Inert):
        return f"the name {value.origin}"
    return type(value).__name__
