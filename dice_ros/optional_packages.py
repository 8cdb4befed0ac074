"""Optional packages: one clear line instead of a traceback when they are not installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dice_ros.errors import AssetError

PACKAGES = ("torch", "smplx", "safetensors")
"""What the estimator dice needs besides; modules of the same names."""

INSTALL = " ".join(PACKAGES)


@contextmanager
def importing(what: str) -> Iterator[None]:
    """Import optional modules inside; a missing one becomes an error that says what to install.

    Args:
        what: the command or setting that needs them, to begin a sentence with.

    Raises:
        AssetError: a module of :data:`PACKAGES` is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        module = (error.name or "").split(".")[0]
        if module not in PACKAGES:
            raise
        raise AssetError(
            f"{what} needs the package {module!r}, which is not installed: "
            f"run `pip install {INSTALL}`"
        ) from None
