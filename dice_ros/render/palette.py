"""Colours of the overlay pictures, RGB 0..1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dice_ros.types import Float32Array, HandSide

FACE_TINT = np.array([0.80, 0.88, 1.00], dtype=np.float32)
HAND_TINTS = {
    HandSide.RIGHT: np.array([1.00, 0.78, 0.42], dtype=np.float32),
    HandSide.LEFT: np.array([0.62, 0.90, 0.50], dtype=np.float32),
}
CONTACT_RED = np.array([0.95, 0.06, 0.06], dtype=np.float32)
FULL_DEFORMATION_MM = 5.0
"""Displacements this large, or larger, have the ramp's last colour."""

_RAMP = np.array([[1.00, 0.93, 0.20], [1.00, 0.50, 0.35], [0.88, 0.10, 0.78]], dtype=np.float32)
_VISIBLE_DEFORMATION_MM = 0.6


def deformation_colours(magnitude_mm: NDArray[np.floating]) -> Float32Array:
    """Yellow over orange to magenta for 0 to :data:`FULL_DEFORMATION_MM`.

    Args:
        magnitude_mm: (N,) length of the displacement, mm.

    Returns:
        (N, 3) float32 RGB.
    """
    position = np.clip(np.asarray(magnitude_mm) / FULL_DEFORMATION_MM, 0.0, 1.0)
    stops = np.linspace(0.0, 1.0, len(_RAMP))
    channels = [np.interp(position, stops, _RAMP[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)


def vertex_colours(
    tint: Float32Array,
    contact: NDArray[np.floating],
    deformation: NDArray[np.floating] | None = None,
) -> Float32Array:
    """Colour of every vertex: its mesh's tint, under deformation, under contact.

    Args:
        tint: (3,) RGB of the mesh.
        contact: (V,) probability; 1 is fully red.
        deformation: (V, 3) metres; None for a rigid mesh.

    Returns:
        (V, 3) float32 RGB.
    """
    colours = np.tile(tint, (len(contact), 1))
    if deformation is not None:
        magnitude_mm = 1e3 * np.linalg.norm(deformation, axis=1)
        strength = np.clip(magnitude_mm / _VISIBLE_DEFORMATION_MM - 0.25, 0.0, 1.0)[:, None]
        colours += (deformation_colours(magnitude_mm) - colours) * strength
    probability = np.clip(contact, 0.0, 1.0)[:, None]
    return np.asarray(colours + (CONTACT_RED - colours) * probability, dtype=np.float32)
