"""Face landmarks that lie behind a hand: the network only guesses them."""

from __future__ import annotations

import numpy as np

from dice_ros.types import BoolArray, Float32Array, HandLandmarks

_BONES = np.array(
    [
        *[(0, 1), (1, 2), (2, 3), (3, 4), (0, 5), (5, 6), (6, 7), (7, 8), (0, 9), (9, 10)],
        *[(10, 11), (11, 12), (0, 13), (13, 14), (14, 15), (15, 16), (0, 17), (17, 18)],
        *[(18, 19), (19, 20), (5, 9), (9, 13), (13, 17), (1, 5)],
    ]
)
_RADIUS_OF_PALM = 0.16
"""Half the width of a finger over the length from wrist to middle knuckle."""


def hidden_landmarks(face_pixels: Float32Array, hands: tuple[HandLandmarks, ...]) -> BoolArray:
    """Mark face landmarks covered by a hand: within a finger's half width of one of its bones.

    Args:
        face_pixels: (L, 2) image pixels.
        hands: hands seen in the same image.

    Returns:
        (L,) bool.
    """
    hidden = np.zeros(len(face_pixels), dtype=bool)
    for hand in hands:
        points = hand.points[:, :2]
        palm = float(np.ptp(points[[0, 5, 9, 13, 17]], axis=0).max())
        hidden |= _distance_to_bones(face_pixels, points) < _RADIUS_OF_PALM * palm
    return hidden


def _distance_to_bones(pixels: Float32Array, joints: Float32Array) -> Float32Array:
    """(L,) distance of each pixel to the nearest bone."""
    start, along = joints[_BONES[:, 0]], joints[_BONES[:, 1]] - joints[_BONES[:, 0]]
    offset = pixels[:, None] - start  # (L, B, 2)
    length = np.maximum((along**2).sum(1), 1e-6)
    share = np.clip(np.einsum("lbi,bi->lb", offset, along) / length, 0.0, 1.0)
    gap = offset - share[..., None] * along
    return np.asarray(np.sqrt(np.einsum("lbi,lbi->lb", gap, gap)).min(axis=1), dtype=np.float32)
