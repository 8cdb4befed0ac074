"""Model files: ``.npz`` without pickle, checked against the fields of a dataclass when read."""

from __future__ import annotations

import math
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dice_ros.errors import AssetError
from dice_ros.whole_file import whole_file


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """What an array in a model file must look like; -1 in ``shape`` stands for any length."""

    shape: tuple[int, ...]
    dtype: str

    @property
    def most_bytes(self) -> int:
        """What such an array may take in a file."""
        entries = math.prod(_MOST_ENTRIES if count == -1 else count for count in self.shape)
        width = _MOST_TEXT_BYTES if self.dtype == "str" else np.dtype(self.dtype).itemsize
        return entries * width + _MOST_HEADER_BYTES

    def fits(self, array: NDArray[np.generic]) -> bool:
        """Whether an array looks like this."""
        return (
            len(array.shape) == len(self.shape)
            and all(
                wanted in (-1, found) for wanted, found in zip(self.shape, array.shape, strict=True)
            )
            and self.dtype in ("str", str(array.dtype))
        )


# Room for the header of a stored array, for an axis of any length, and for a text.
_MOST_HEADER_BYTES, _MOST_ENTRIES, _MOST_TEXT_BYTES = 1 << 16, 1 << 20, 1 << 10
_REMEDY = "run `dice-ros assets`"


def read_model_file(
    path: Path, specs: dict[str, ArraySpec], remedy: str = _REMEDY
) -> dict[str, NDArray[np.generic]]:
    """Read and check the arrays that are asked for; others stay unread.

    Args:
        path: the file.
        specs: what it must hold.
        remedy: what the user should do if it does not.

    Raises:
        AssetError: the file is missing, damaged, or an array is missing or of the wrong kind.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return {name: _read(archive, name, spec) for name, spec in specs.items()}
    except FileNotFoundError:
        raise AssetError(f"{path} is missing: {remedy}") from None
    except AssetError as error:
        raise AssetError(f"{path}: {error}: {remedy}") from None
    except Exception as error:  # damaged archives and headers fail in ways of their own
        raise AssetError(
            f"{path} is damaged ({type(error).__name__}: {str(error)[:200]}): {remedy}"
        ) from error


def _read(archive: zipfile.ZipFile, name: str, spec: ArraySpec) -> NDArray[np.generic]:
    try:
        entry = archive.getinfo(f"{name}.npy")
    except KeyError:
        raise AssetError(f"there is no array {name!r}") from None
    # Before it is unpacked: a few kilobytes may claim to be gigabytes.
    if entry.file_size > spec.most_bytes:
        raise AssetError(
            f"array {name!r} takes {entry.file_size} bytes, expected at most {spec.most_bytes}"
        )
    with archive.open(entry) as member:
        found: NDArray[np.generic] = np.lib.format.read_array(member, allow_pickle=False)
    if not spec.fits(found):
        raise AssetError(
            f"array {name!r} is {found.dtype} {found.shape}, expected {spec.dtype} {spec.shape}"
        )
    return found


def write_model_file(path: Path, arrays: dict[str, NDArray[np.generic]]) -> None:
    """Write arrays so that the same arrays always give the same bytes.

    The file is either whole or absent: it is written beside its place and moved there at the end.

    Raises:
        OSError: it cannot be written; nothing is left behind.
    """
    with whole_file(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
