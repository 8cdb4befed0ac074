"""Optional packages: one clear line instead of a traceback when they are not installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dice_ros.errors import AssetError

EXTRA_OF = {"torch": "dice", "smplx": "dice", "safetensors": "dice"}
"""Which extra of this package brings which module."""


@contextmanager
def importing(what: str) -> Iterator[None]:
    """Import optional modules inside; a missing one becomes an error that says what to install.

    Args:
        what: the command or setting that needs them, to begin a sentence with.

    Raises:
        AssetError: a module of :data:`EXTRA_OF` is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        module = (error.name or "").split(".")[0]
        if module not in EXTRA_OF:
            raise
        raise AssetError(
            f"{what} needs the package {module!r}, which is not installed: "
            f'run `pip install "dice_ros[{EXTRA_OF[module]}]"`'
        ) from None
