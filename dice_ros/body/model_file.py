"""Model files: ``.npz`` without pickle, checked against the fields of a dataclass when read."""

from __future__ import annotations

import math
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dice_ros.errors import AssetError


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """What an array in a model file must look like; -1 in ``shape`` stands for any length."""

    shape: tuple[int, ...]
    dtype: str

    def fits(self, array: NDArray[np.generic]) -> bool:
        """Whether an array looks like this."""
        return (
            len(array.shape) == len(self.shape)
            and all(
                wanted in (-1, found) for wanted, found in zip(self.shape, array.shape, strict=True)
            )
            and self.dtype in ("str", str(array.dtype))
        )


_REMEDY = "run `dice-ros assets`"
_HEADER_BYTES = 4096
_LARGEST_BYTES = 256 << 20
"""Of an array whose length is not known beforehand."""


def read_model_file(
    path: Path, specs: dict[str, ArraySpec], remedy: str = _REMEDY
) -> dict[str, NDArray[np.generic]]:
    """Read and check every array.

    Args:
        path: the file.
        specs: what it must hold.
        remedy: what the user should do if it does not.

    Raises:
        AssetError: the file is missing, damaged, or an array is missing or of the wrong kind.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            if not isinstance(stored, np.lib.npyio.NpzFile):
                raise AssetError(f"{path} is no .npz file: {remedy}")
            wanted = [name for name in stored.files if name in specs]
            for name in wanted:
                _check_size(stored, name, specs[name])
            arrays = {name: stored[name] for name in wanted}
    except AssetError:
        raise
    except FileNotFoundError:
        raise AssetError(f"{path} is missing: {remedy}") from None
    except Exception as error:
        # A damaged file can make NumPy's and zipfile's readers raise almost anything.
        kind = type(error).__name__
        raise AssetError(f"{path} is damaged ({kind}: {error}): {remedy}") from error
    for name, spec in specs.items():
        found = arrays.get(name)
        if found is None:
            raise AssetError(f"{path} holds no array {name!r}: {remedy}")
        if not spec.fits(found):
            raise AssetError(
                f"array {name!r} in {path} is {found.dtype} {found.shape}, expected {spec.dtype} "
                f"{spec.shape}: {remedy}"
            )
    return arrays


def _check_size(stored: np.lib.npyio.NpzFile, name: str, spec: ArraySpec) -> None:
    """Refuse a member that says it unpacks to more than its array can need."""
    if stored.zip is None:
        raise ValueError("the archive is closed")
    found = stored.zip.getinfo(f"{name}.npy").file_size
    allowed = _LARGEST_BYTES
    if spec.dtype != "str" and -1 not in spec.shape:
        needed = math.prod(spec.shape) * np.dtype(spec.dtype).itemsize
        allowed = needed + _HEADER_BYTES
    if found > allowed:
        raise ValueError(f"array {name!r} unpacks to {found} bytes, at most {allowed} expected")


def write_model_file(path: Path, arrays: dict[str, NDArray[np.generic]]) -> None:
    """Write arrays so that the same arrays always give the same bytes.

    The file is either whole or absent: it is written beside its place and moved there at the end.

    Raises:
        OSError: it cannot be written; nothing is left behind.
    """
    scratch = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with zipfile.ZipFile(scratch, "w") as archive:
            for name, array in arrays.items():
                with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
