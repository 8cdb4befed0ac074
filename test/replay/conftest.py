"""What the tests of replaying share."""

from __future__ import annotations

import cv2
import numpy as np
import pytest


@pytest.fixture(scope="session")
def moving_pictures(astronaut, touching_render) -> list[np.ndarray]:
    """48 pictures of 320x240: a face that drifts, gone for a while, then a touching hand."""
    face = cv2.resize(astronaut, (240, 240), interpolation=cv2.INTER_AREA)
    touch = cv2.resize(touching_render[0].image, (320, 240), interpolation=cv2.INTER_AREA)
    pictures = []
    for number in range(48):
        picture = np.full((240, 320, 3), 90, np.uint8)
        if number < 20:
            picture[:, 2 * number : 2 * number + 240] = face
        elif number >= 26:
            picture = np.roll(touch, number - 36, axis=1)
        pictures.append(picture)
    return pictures
