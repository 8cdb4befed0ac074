"""Files that are there already are replaced on request only."""

from __future__ import annotations

from pathlib import Path

from dice_ros.errors import OutputError


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Make sure that nothing is lost by writing to a path.

    Raises:
        OutputError: something is there and ``overwrite`` is not set.
    """
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists: choose another name or add --overwrite")
