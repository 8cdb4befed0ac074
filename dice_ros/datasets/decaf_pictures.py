"""Pictures of one video of Decaf, in order, with the squares that published methods see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dice_ros.datasets.data_file import read_array
from dice_ros.datasets.decaf_layout import CROP_SIDE, HEIGHT, WIDTH, DecafLayout, Video
from dice_ros.errors import InputError
from dice_ros.types import UInt8Array


@dataclass(frozen=True, slots=True, eq=False)
class DecafPicture:
    """One frame.

    Attributes:
        frame: its number in the video.
        left: column of the picture at which the square begins.
        crop: (1080, 1080, 3) uint8 RGB, the square.
        image: (1080, 1920, 3) uint8 RGB; None where only squares are at hand.
    """

    frame: int
    left: int
    crop: UInt8Array
    image: UInt8Array | None


class DecafPictures:
    """Reads a video, or squares that were cut from it beforehand.

    Args:
        layout: of the data set.
        video: which one.
        frame_count: frames that the labels have.
        crops: folder that the published cropping script wrote; None to cut from the video.

    Raises:
        InputError: boxes or video are missing or do not fit.
    """

    def __init__(
        self, layout: DecafLayout, video: Video, frame_count: int, crops: Path | None = None
    ) -> None:
        self._layout, self._video, self._crops = layout, video, crops
        content = f"{frame_count} boxes x1, y1, x2, y2"
        self._lefts = crop_lefts(
            read_array(layout.head_boxes(video), (frame_count, 4), content),
            read_array(layout.hand_boxes(video), (frame_count, 4), content),
        )
        path = layout.video(video)
        if crops is None and not path.is_file():
            raise InputError(
                f"{path} is missing: expected a video of {WIDTH}x{HEIGHT} pixels and {frame_count} "
                "frames, or name the folder of cut squares"
            )

    def read(self, frames: Sequence[int]) -> Iterator[DecafPicture]:
        """Pictures of some frames, numbers ascending.

        Raises:
            InputError: a picture is missing, damaged or of another size.
        """
        return self._read_crops(frames) if self._crops is not None else self._read_video(frames)

    def _read_crops(self, frames: Sequence[int]) -> Iterator[DecafPicture]:
        assert self._crops is not None
        for frame in frames:
            path = self._layout.crop(self._crops, self._video, frame)
            crop = cv2.imread(str(path), cv2.IMREAD_COLOR)
            if crop is None or crop.shape != (CROP_SIDE, CROP_SIDE, 3):
                found = "missing or damaged" if crop is None else f"of shape {crop.shape}"
                raise InputError(f"{path} is {found}: expected {CROP_SIDE}x{CROP_SIDE} pixels")
            yield DecafPicture(frame, int(self._lefts[frame]), _rgb(crop), None)

    def _read_video(self, frames: Sequence[int]) -> Iterator[DecafPicture]:
        path = self._layout.video(self._video)
        capture = cv2.VideoCapture(str(path))
        try:
            # Seeking is inexact in many files: walk, decoding only what is wanted.
            at = 0
            for frame in frames:
                while at < frame and capture.grab():
                    at += 1
                ok, image = capture.read() if at == frame else (False, None)
                at += 1
                if not ok or image is None:
                    raise InputError(
                        f"{path} ends or is damaged before frame {frame}: expected a frame for "
                        f"each of {len(self._lefts)} labels"
                    )
                if image.shape != (HEIGHT, WIDTH, 3):
                    raise InputError(
                        f"{path} has pictures of {image.shape[1]}x{image.shape[0]} pixels: "
                        f"expected {WIDTH}x{HEIGHT}"
                    )
                whole, left = _rgb(image), int(self._lefts[frame])
                yield DecafPicture(frame, left, whole[:, left : left + CROP_SIDE], whole)
        finally:
            capture.release()


def crop_lefts(
    head_boxes: NDArray[np.floating], hand_boxes: NDArray[np.floating]
) -> NDArray[np.int64]:
    """Where squares begin: full height, centred on the mean of both boxes' centres.

    A box with a negative entry, or one beyond the picture, counts as the whole picture.

    Args:
        head_boxes, hand_boxes: (n, 4) x1, y1, x2, y2.

    Returns:
        (n,) columns, 0..840.
    """
    middles = []
    for boxes in (head_boxes, hand_boxes):
        whole = np.asarray(boxes).astype(np.int64)
        bad = (whole < 0).any(axis=1) | (whole > (WIDTH, HEIGHT, WIDTH, HEIGHT)).any(axis=1)
        middles.append(np.where(bad, WIDTH, whole[:, 0] + whole[:, 2]))
    centre = np.clip((middles[0] + middles[1]) / 4.0, CROP_SIDE / 2, WIDTH - CROP_SIDE / 2)
    return (centre - CROP_SIDE / 2).astype(np.int64)


def _rgb(image: NDArray[Any]) -> UInt8Array:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)
