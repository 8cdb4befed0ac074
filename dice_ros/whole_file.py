"""A file that is whole and on the disk, or absent: never half of it, whatever happens."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from dice_ros.errors import OutputError


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all, text as UTF-8; one that exists is replaced.

    Raises:
        OutputError: it cannot be written; an earlier file is as it was.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        with whole_file(path) as file:
            file.write(data)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file to write to, which takes its place at the end; one that exists is replaced.

    If the block raises, nothing is left behind and an earlier file stays as it was. A link is
    followed, and a file that is replaced keeps its mode. What is no file, like a pipe or a
    terminal, is written to as it is.

    Raises:
        OSError: the folder cannot be written or the disk is full.
    """
    if _is_stream(path):
        with path.open("wb") as stream:
            yield stream
        return
    target = Path(os.path.realpath(path))
    replaced = target.exists()
    if replaced and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(target))
    # Short, so that a name which just fits its folder still does.
    temporary = target.with_name(f".{target.name[:40]}.{uuid.uuid4().hex}.part")
    try:
        with temporary.open("xb") as file:
            if replaced:
                os.fchmod(file.fileno(), stat.S_IMODE(target.stat().st_mode))
            yield file
            # Otherwise the new name may reach the disk before the content does.
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
        _settle_folder(target.parent)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _is_stream(path: Path) -> bool:
    """Whether there is nothing to replace: a pipe or terminal, or an open file of this process."""
    nameless = path.parts[:2] in (("/", "dev"), ("/", "proc"))  # what these lead to may be
    return path.exists() and (nameless or not path.is_file())


def _settle_folder(folder: Path) -> None:
    """Bring the new name to the disk as well."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
