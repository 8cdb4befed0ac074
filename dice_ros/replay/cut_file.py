"""A file that can always be cut back to its last whole part."""

from __future__ import annotations

import os
from pathlib import Path


class CutFile:
    """Unbuffered: what was written survives the end of the process, at once.

    Args:
        path: made anew.

    Raises:
        OSError: it cannot be made; :meth:`write` raises it when the disk is full.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=0)
        self._position = self._whole = 0

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Write all of it."""
        view = memoryview(data).cast("B")
        done = 0
        while done < len(view):
            done += self._file.write(view[done:]) or 0
        self._position += done
        return done

    def tell(self) -> int:
        """Bytes written."""
        return self._position

    def flush(self) -> None:
        """Nothing is held back."""

    def mark_whole(self) -> None:
        """What was written so far belongs together."""
        self._whole = self._position

    def sync(self) -> None:
        """Wait until the disk has it."""
        os.fsync(self._file.fileno())

    def cut_back(self) -> None:
        """Remove what was written since the last :meth:`mark_whole`, and close."""
        if not self._file.closed:
            self._file.truncate(self._whole)
            self._file.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
