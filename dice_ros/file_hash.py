"""Telling files apart by their content."""

from __future__ import annotations

import hashlib
from pathlib import Path

_BLOCK_BYTES = 1 << 22


def file_sha256(path: Path) -> str:
    """sha256 of a file, hexadecimal; read in blocks, so that its size does not matter.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
