"""Arrays and pickles of data sets: errors name the file and what belongs there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dice_ros.checkpoints.torch_archive import read_torch_file
from dice_ros.errors import InputError


def read_array(path: Path, shape: tuple[int, ...], content: str) -> NDArray[Any]:
    """An array of numbers from a ``.npy`` file, mapped, not read.

    Args:
        path: the file.
        shape: expected; -1 stands for any length.
        content: what it is, for messages.

    Raises:
        InputError: the file is missing, damaged, or holds something else.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise InputError(f"{path} is missing: expected {content}, {_words(shape)}") from None
    except (OSError, ValueError, EOFError) as error:
        raise InputError(
            f"{path} is damaged ({error}): expected {content}, {_words(shape)}"
        ) from error
    fits = array.ndim == len(shape) and all(
        wanted in (-1, length) for wanted, length in zip(shape, array.shape, strict=True)
    )
    if not fits or array.dtype.kind not in "fiub":
        raise InputError(
            f"{path} holds {array.dtype} {array.shape}: expected {content}, {_words(shape)}"
        )
    return np.asarray(array) if array.ndim == 1 else array


def read_dictionary(path: Path, content: str) -> dict[Any, Any]:
    """A pickled dictionary, without executing anything of it.

    Raises:
        InputError: the file is missing, or no dictionary.
        CheckpointError: the pickle is damaged or unsafe.
    """
    if not path.is_file():
        raise InputError(f"{path} is missing: expected a pickled dictionary, {content}")
    value = read_torch_file(path).value()
    if not isinstance(value, dict):
        raise InputError(f"{path} holds {type(value).__name__}: expected a dictionary, {content}")
    return value


def _words(shape: tuple[int, ...]) -> str:
    return "(" + ", ".join("n" if size == -1 else str(size) for size in shape) + ")"
