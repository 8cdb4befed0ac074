"""Pictures that tell an int8 engine which values to expect, kept beside the weights."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dice_ros.engine.protocol import EngineError
from dice_ros.networks.dice import CROP_SIDE
from dice_ros.networks.dice_preprocess import normalise_bgr

FILE_NAME = "calibration.npz"
_REMEDY = "run `dice-ros build --precision int8` once, which renders them"


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationPictures:
    """Network inputs, as the estimator makes them.

    Attributes:
        seen: (N, 3, 224, 224) float32, to choose ranges by.
        held_out: (M, 3, 224, 224) float32, of other people, to judge by.
    """

    seen: Tensor
    held_out: Tensor


def load_calibration(path: Path) -> CalibrationPictures:
    """Read pictures.

    Args:
        path: an archive of two arrays ``seen`` and ``held_out``, (N, 224, 224, 3) uint8 RGB.

    Raises:
        EngineError: missing or damaged; the message says what to do.
    """
    if not path.is_file():
        raise EngineError(f"int8 engines need calibration pictures, {path} is missing: {_REMEDY}")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return CalibrationPictures(_input(archive["seen"]), _input(archive["held_out"]))
    except (
        *(OSError, ValueError, KeyError, EOFError, TypeError, RuntimeError),
        *(zipfile.BadZipFile, zlib.error),
    ) as error:
        raise EngineError(
            f"the calibration pictures {path} are damaged ({error}): remove the file and {_REMEDY}"
        ) from error


def _input(pictures: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Tensor:
    wanted = (CROP_SIDE, CROP_SIDE, 3)
    if pictures.dtype != np.uint8 or pictures.shape[1:] != wanted or not len(pictures):
        raise ValueError(f"{pictures.dtype} {pictures.shape} instead of uint8 (N, 224, 224, 3)")
    return normalise_bgr(torch.from_numpy(pictures).float())
