"""A file opened for restricted reading: its bytes, and errors that name it."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dice_ros.checkpoints.plain_values import PlainReader
from dice_ros.errors import CheckpointError


@dataclass(frozen=True, slots=True)
class CheckpointFile:
    """What a file holds, inert until asked for.

    Arrays of large files are views of the mapped file: the file must not change while they live.

    Args:
        path: where it was read.
        root: the top object; plain containers and ``Inert`` instances.
        reader: turns any part of it into plain values.
    """

    path: Path
    root: object
    reader: PlainReader

    def value(self) -> object:
        """Everything in the file as plain values.

        Raises:
            CheckpointError: something in the file is malformed or truncated.
        """
        with blaming(self.path):
            return self.reader.value(self.root)

    def entry(self, name: str) -> object:
        """The plain value under one key of the top dictionary; the others stay unread.

        Raises:
            CheckpointError: there is no such key, or its value is malformed.
        """
        with blaming(self.path):
            entries = self.reader.mapping(self.root)
            if entries is None:
                raise CheckpointError(f"holds {type(self.root).__name__}, expected a dictionary")
            if name not in entries:
                names = [key[:40] for key in entries if isinstance(key, str)]
                shown = ", ".join(sorted(names[:20]))
                raise CheckpointError(f"holds no {name!r}, only: {shown}")
            try:
                return self.reader.value(entries[name])
            except CheckpointError as error:
                raise CheckpointError(f"{name!r}: {error}") from error

    def is_dictionary(self) -> bool:
        """Whether the top object is a dictionary."""
        with blaming(self.path):
            return self.reader.mapping(self.root) is not None

    def has(self, name: str) -> bool:
        """Whether the top object is a dictionary with this key."""
        with blaming(self.path):
            entries = self.reader.mapping(self.root)
            return entries is not None and name in entries


@contextmanager
def blaming(path: Path) -> Iterator[None]:
    """Turn every error of reading ``path`` into one that names it."""
    try:
        yield
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    except FileNotFoundError:
        raise CheckpointError(f"{path} is missing") from None
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # the file chose every number used above
        raise CheckpointError(
            f"{path} is damaged: {type(error).__name__}: {str(error)[:200]}"
        ) from error


def map_file(path: Path) -> mmap.mmap:
    """The file's bytes, read from disk only where they are used.

    Raises:
        CheckpointError: the file is empty.
        OSError: the file cannot be opened.
    """
    with path.open("rb") as file:
        if not path.stat().st_size:
            raise CheckpointError("is empty: copy or download it again")
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
