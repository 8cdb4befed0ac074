"""A folder that is filled whole or left as it was."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dice_ros.errors import OutputError


@contextmanager
def filling(folder: Path) -> Iterator[Path]:
    """Give a scratch folder; what is in it at the end comes to stand in ``folder``.

    If the block raises (a full disk, Ctrl-C), nothing of it remains.

    Args:
        folder: does not exist, or is empty: nobody's files are ever replaced.

    Yields:
        The scratch folder, on the same disk.

    Raises:
        OutputError: the folder holds something, or is none.
        OSError: it cannot be written.
    """
    is_new = not folder.exists()
    if not is_new and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(
            f"{folder} holds other files: name an empty folder, or one that does not exist yet, so "
            "that no licensed file is overwritten"
        )
    folder.mkdir(parents=True, exist_ok=True)
    # Inside, not beside it: the folder above may be another disk, or not ours to write to.
    scratch = Path(tempfile.mkdtemp(prefix=".unfinished.", dir=folder))
    try:
        yield scratch
        for path in sorted(scratch.iterdir()):
            path.rename(folder / path.name)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        if is_new and not any(folder.iterdir()):
            folder.rmdir()
