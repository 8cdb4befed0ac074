"""Thumbnails of touches from the overlay pictures that ``dice-ros run`` wrote."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np

from dice_ros.report.recording import Recording

FOLDER_NAME = "overlays"
_WIDTH_PX, _JPEG_QUALITY = 260, 72
_NUMBERED = re.compile(r"^(.*)_(\d{6})$")


class OverlayPictures:
    """Finds the picture of a moment.

    Args:
        recording: whose pictures.
        folder: where they lie; None looks beside the results.
    """

    def __init__(self, recording: Recording, folder: Path | None = None) -> None:
        self._stamps = np.asarray(recording.stamps_ns, dtype=np.int64)
        paths = sorted((folder or recording.path.parent / FOLDER_NAME).glob("*.png"))
        named = [(_NUMBERED.match(path.stem), path) for path in paths]
        numbered = [(found[1], int(found[2]), path) for found, path in named if found]
        # Pictures of several inputs cannot be told apart by their number.
        one_input = len({stem for stem, _, _ in numbered}) == 1
        self._pictures = {number: path for _, number, path in numbered} if one_input else {}

    def thumbnail(self, stamp_ns: int) -> bytes | None:
        """JPEG of the picture nearest to a moment; None if there is none."""
        if not self._pictures or not len(self._stamps):
            return None
        nearest = int(np.abs(self._stamps - stamp_ns).argmin())
        number = min(self._pictures, key=lambda known: abs(known - nearest))
        if abs(number - nearest) > max(1, len(self._stamps) // max(len(self._pictures), 1)):
            return None
        picture = cv2.imread(str(self._pictures[number]))
        if picture is None:
            return None
        height = max(1, round(picture.shape[0] * _WIDTH_PX / picture.shape[1]))
        small = cv2.resize(picture, (_WIDTH_PX, height), interpolation=cv2.INTER_AREA)
        quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
        return bytes(cv2.imencode(".jpg", small, quality)[1].tobytes())
