"""Rendered crops by which an int8 engine is calibrated: no licensed or private picture needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from dice_ros.body.open_hand import OpenHand
from dice_ros.body.open_head import OpenHead
from dice_ros.errors import OutputError
from dice_ros.synthesis.studio import Studio
from dice_ros.synthesis.truth_set import Split, truth_frames
from dice_ros.types import UInt8Array
from dice_ros.whole_file import whole_file

SEEN, HELD_OUT = 24, 8
CROP_SIDE = 224


def write_calibration_crops(
    path: Path,
    head: OpenHead,
    hand: OpenHand,
    *,
    seen: int = SEEN,
    held_out: int = HELD_OUT,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Render the middle squares of pictures of many people, with and without a touching hand.

    Args:
        path: ``.npz`` of two arrays, (N, 224, 224, 3) uint8 RGB; appears whole or not at all.
        head, hand: open models.
        seen: how many to choose ranges by.
        held_out: how many, of other people, to judge by.
        progress: called with (pictures done, pictures in all).

    Raises:
        OutputError: it cannot be written.
    """
    studio = Studio(head, hand)
    arrays: dict[str, UInt8Array] = {}
    done = 0
    wanted: tuple[tuple[str, Split, int], ...]
    wanted = (("seen", "train", seen), ("held_out", "test", held_out))
    for name, split, count in wanted:
        crops = []
        for made in truth_frames(studio, split, count):
            crops.append(_middle(made.frame.image))
            done += 1
            if progress is not None:
                progress(done, seen + held_out)
        arrays[name] = np.stack(crops)
    try:
        with whole_file(path) as file:
            np.savez_compressed(file, seen=arrays["seen"], held_out=arrays["held_out"])
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def _middle(image: UInt8Array) -> UInt8Array:
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = image[top : top + side, left : left + side]
    size = (CROP_SIDE, CROP_SIDE)
    return np.asarray(cv2.resize(square, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
