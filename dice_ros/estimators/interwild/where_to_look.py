"""Which part of the image InterWild is shown, and which boxes it is given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dice_ros.networks.interwild.canvas import MARGIN, Canvas, person_canvas
from dice_ros.networks.interwild.hand_crops import CROP_OVER_BOX
from dice_ros.types import Box, Float64Array, HandSide, PersonObservation

_BOX_OVER_JOINTS = 1.2
"""Boxes are trained as the joints' box with a fifth to spare."""
_REACH_FACES = 3.5
_ABOVE_FACES, _BELOW_FACES = 1.5, 5.0
_NO_MARGIN = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What to show to the network.

    Attributes:
        canvas: the picture.
        boxes: (4,) x1, y1, x2, y2 of each hand, image pixels; None lets the network look.
    """

    canvas: Canvas
    boxes: dict[HandSide, Float64Array] | None


def view_of_hands(observation: PersonObservation) -> View | None:
    """The hands that perception found, as large as they fit on the canvas; None if there are none.

    Shown this way a hand has the most pixels; what the network says about it does not depend on
    where on a canvas it lies.
    """
    boxes = {hand.side: _widened(hand.box) for hand in observation.hands}
    if not boxes:
        return None
    corners = []
    for box in boxes.values():
        centre = (box[:2] + box[2:]) / 2
        half = CROP_OVER_BOX * (box[2:] - box[:2]).max() / 2
        corners += [centre - half, centre + half]
    low, high = np.min(corners, axis=0), np.max(corners, axis=0)
    canvas = _canvas(observation, low, high, _NO_MARGIN)
    return None if canvas is None else View(canvas, boxes)


def view_of_person(observation: PersonObservation) -> View | None:
    """The person around a face, for the network to look for hands; without one, the whole image."""
    height, width = observation.frame.image.shape[:2]
    corners = [np.zeros(2), np.array([width, height], dtype=np.float64)]
    if observation.face is not None:
        face = observation.face.box
        middle = face.x + 0.5 * face.width
        reach = _REACH_FACES * face.width
        corners = [
            np.array([middle - reach, face.y - _ABOVE_FACES * face.height]),
            np.array([middle + reach, face.y + _BELOW_FACES * face.height]),
        ]
        for hand in observation.hands:
            corners += np.split(_widened(hand.box), 2)
    canvas = _canvas(observation, np.min(corners, axis=0), np.max(corners, axis=0), MARGIN)
    return None if canvas is None else View(canvas, None)


def _canvas(
    observation: PersonObservation, low: Float64Array, high: Float64Array, margin: float
) -> Canvas | None:
    height, width = observation.frame.image.shape[:2]
    # Cut off at the image's edge before, so that the far side does not move when the near one is.
    low, high = np.maximum(low, 0.0), np.minimum(high, (width, height))
    x, y = (float(value) for value in low)
    right, bottom = (float(value) for value in high)
    return person_canvas(Box(x, y, right - x, bottom - y), width, height, margin)


def _widened(box: Box) -> Float64Array:
    centre = np.array([box.x + 0.5 * box.width, box.y + 0.5 * box.height])
    half = 0.5 * _BOX_OVER_JOINTS * np.array([box.width, box.height])
    return np.concatenate([centre - half, centre + half])
