"""The square picture of a head and a hand that interaction networks look at.

DICE was trained on squares as high as the picture, centred in x on the mean of the head's and the
hand's boxes, the head about a third of the side; its authors advise to keep both near the centre.
Crop pixels have their origin at the crop's top-left corner and grow as the image's do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dice_ros.types import Box, Float64Array, UInt8Array

_HEAD_OVER_FACE = 1.35
"""Height of the whole head over that of the face's landmarks."""
_SIDE_OVER_HEAD = 3.0
_MARGIN = 1.15
_SMALLEST_SIDE = 16
_LARGEST_OVER_IMAGE = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class ImageCut:
    """A square cut out of an image, as a view: who needs it copies it, to where it is needed.

    Attributes:
        pixels: (h, w, 3) uint8, what of the square lies in the image; may be empty.
        left, top: where in the square that is; all else is black.
        side: of the square, pixels.
        mirrored: the whole square is to be flipped left to right.
    """

    pixels: UInt8Array
    left: int
    top: int
    side: int
    mirrored: bool = False

    @staticmethod
    def whole(square: UInt8Array) -> ImageCut:
        """A picture (N, N, 3) that is the square already."""
        return ImageCut(square, 0, 0, square.shape[0])


@dataclass(frozen=True, slots=True)
class CropBox:
    """A square cut out of an image; may leave it.

    Attributes:
        x, y: top-left corner, image pixels.
        side: image pixels.
        mirrored: the cut is flipped left to right, so that a left hand looks like a right one.
    """

    x: int
    y: int
    side: int
    mirrored: bool = False

    @property
    def centre(self) -> tuple[float, float]:
        """Image pixels."""
        return self.x + 0.5 * self.side, self.y + 0.5 * self.side

    def to_image(self, points: Float64Array, crop_side: int) -> Float64Array:
        """Map points of an **unmirrored** crop, resized to ``crop_side``, to the image.

        Args:
            points: (N, 2) crop pixels; may lie outside.
            crop_side: pixels of the resized crop.

        Returns:
            (N, 2) image pixels, not clamped.
        """
        return np.asarray(points * (self.side / crop_side) + (self.x, self.y))

    def cut(self, image: UInt8Array) -> ImageCut:
        """The square's share of (H, W, 3) an image; no pixel is copied."""
        height, width = image.shape[:2]
        left, right = (min(max(x, 0), width) for x in (self.x, self.x + self.side))
        top, bottom = (min(max(y, 0), height) for y in (self.y, self.y + self.side))
        return ImageCut(
            image[top:bottom, left:right], left - self.x, top - self.y, self.side, self.mirrored
        )


def interaction_crop(
    face: Box, hand: Box | None, width: int, height: int, *, mirrored: bool = False
) -> CropBox:
    """The crop for one face and one hand (or none).

    The side is three head heights, at most the image's shorter side, and at least what holds both
    boxes, as far as they lie in the image. The crop is moved into the image as far as it fits.

    Args:
        face: box of the face's landmarks, image pixels.
        hand: box of the hand's landmarks, image pixels.
        width, height: of the image.
        mirrored: for left hands.
    """
    boxes = [_inside(box, width, height) for box in (face, hand) if box is not None]
    left, top = min(box.x for box in boxes), min(box.y for box in boxes)
    right = max(box.x + box.width for box in boxes)
    bottom = max(box.y + box.height for box in boxes)
    head = _HEAD_OVER_FACE * max(boxes[0].width, boxes[0].height)
    wanted = min(_SIDE_OVER_HEAD * head, width, height)
    needed = _MARGIN * max(right - left, bottom - top)
    largest = _LARGEST_OVER_IMAGE * max(width, height)
    side = max(round(min(max(wanted, needed), largest)), _SMALLEST_SIDE)
    x = float(np.mean([box.x + 0.5 * box.width for box in boxes])) - 0.5 * side
    y = float(np.mean([box.y + 0.5 * box.height for box in boxes])) - 0.5 * side
    # The mean of the centres is not the middle of both boxes: keep both inside first.
    x = min(max(x, right - side), left)
    y = min(max(y, bottom - side), top)
    return CropBox(
        round(_moved_inside(x, side, width)),
        round(_moved_inside(y, side, height)),
        side,
        mirrored,
    )


def _inside(box: Box, width: int, height: int) -> Box:
    """The part of a box that is in the image; its nearest border if none is."""
    left, right = (min(max(x, 0.0), float(width)) for x in (box.x, box.x + box.width))
    top, bottom = (min(max(y, 0.0), float(height)) for y in (box.y, box.y + box.height))
    return Box(left, top, right - left, bottom - top)


def _moved_inside(start: float, side: int, extent: int) -> float:
    if side >= extent:
        return 0.5 * (extent - side)
    return min(max(start, 0.0), float(extent - side))
