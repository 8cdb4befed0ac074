"""Both MANO hands with their mean poses, in one file without pickle.

Made once from the licensed files by ``dice-ros convert hands``; read at every start.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dice_ros.body.mano_arrays import (
    MANO_ANGLES,
    MANO_VERTICES,
    ManoArrays,
    mano_specs,
)
from dice_ros.body.model_file import ArraySpec, read_model_file, write_model_file
from dice_ros.errors import AssetError
from dice_ros.types import HandSide

FILE_NAME = "mano_hands.npz"
_REMEDY = "run `dice-ros convert hands`"
_MIRROR_X = np.array([[-1.0], [1.0], [1.0]], dtype=np.float32)
_UNMIRRORED_BELOW_M = 1.0
"""Sum of differences between the hands' first shape directions; mirrored ones differ by more."""


@dataclass(frozen=True, slots=True, eq=False)
class ManoWithMean:
    """One MANO hand.

    Attributes:
        arrays: the model itself.
        mean_pose: (45,) float32, radians, axis-angle of 15 joints: the resting fingers.
    """

    arrays: ManoArrays
    mean_pose: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class ManoPair:
    """Both hands.

    Attributes:
        right, left: models; the left one repaired, see :func:`repaired_left`.
        synthetic: made from stand-ins: the shapes are not MANO's.
    """

    right: ManoWithMean
    left: ManoWithMean
    synthetic: bool

    def of(self, side: HandSide) -> ManoWithMean:
        """The hand of a side."""
        return self.right if side is HandSide.RIGHT else self.left


def repaired_left(right: ManoArrays, left: ManoArrays) -> ManoArrays:
    """The left hand with shape directions that mirror the right one's.

    The x components of the shape directions in the distributed ``MANO_LEFT.pkl`` have the sign of
    the right hand, so that a broader right hand would be a narrower left one. A file that has them
    right stays as it is.
    """
    gap = np.abs(left.shape_directions[:, 0] - right.shape_directions[:, 0]).sum()
    if gap >= _UNMIRRORED_BELOW_M:
        return left
    return replace(left, shape_directions=left.shape_directions * _MIRROR_X)


def save_hands(path: Path, hands: ManoPair) -> None:
    """Write the file; the same hands always give the same bytes.

    Raises:
        OSError: it cannot be written; nothing is left behind.
    """
    arrays: dict[str, NDArray[np.generic]] = {"synthetic": np.array(hands.synthetic)}
    for side in HandSide:
        hand = hands.of(side)
        arrays |= {
            f"{side.value}.{item.name}": getattr(hand.arrays, item.name)
            for item in fields(hand.arrays)
        }
        arrays[f"{side.value}.mean_pose"] = hand.mean_pose
    write_model_file(path, arrays)


def is_hands_file(path: Path) -> bool:
    """Whether a file is one of :func:`save_hands`, maybe of another version."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {"left.mean_pose.npy", "right.mean_pose.npy"} <= set(archive.namelist())
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
        return False


def load_hands(path: Path) -> ManoPair:
    """Read and check the file.

    Raises:
        AssetError: it is missing, damaged, or an array has another shape, holds NaN, or names a
            vertex that does not exist.
    """
    specs = {"synthetic": ArraySpec((), "bool")}
    for side in HandSide:
        specs |= mano_specs(f"{side.value}.")
        specs[f"{side.value}.mean_pose"] = ArraySpec((MANO_ANGLES,), "float32")
    arrays = read_model_file(path, specs, remedy=_REMEDY)
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise AssetError(f"array {name!r} in {path} holds NaN or infinity: {_REMEDY}")
    for side in HandSide:
        triangles = arrays[f"{side.value}.triangles"].astype(np.int64)
        if triangles.min() < 0 or triangles.max() >= MANO_VERTICES:
            raise AssetError(
                f"array '{side.value}.triangles' in {path} names {triangles.min()}.."
                f"{triangles.max()}, expected 0..{MANO_VERTICES - 1}: {_REMEDY}"
            )
    return ManoPair(
        right=_hand(arrays, HandSide.RIGHT),
        left=_hand(arrays, HandSide.LEFT),
        synthetic=bool(arrays["synthetic"]),
    )


def _hand(arrays: dict[str, NDArray[np.generic]], side: HandSide) -> ManoWithMean:
    prefix = f"{side.value}."
    part: dict[str, Any] = {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
    mean_pose = part.pop("mean_pose")
    return ManoWithMean(ManoArrays(**part), mean_pose)
