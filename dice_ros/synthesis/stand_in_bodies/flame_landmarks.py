"""The 68 landmarks on the stand-in head, fixed and moving with the turn of the head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dice_ros.body.landmark_layout import CONTOUR_COUNT
from dice_ros.synthesis.stand_in_bodies.surface_places import SurfacePlaces, nearest_places
from dice_ros.types import Float64Array, Int32Array

YAW_MAX_DEG = 39

_BAND_M, _ROAM_M = 0.006, 0.035


@dataclass(frozen=True, slots=True, eq=False)
class FlameLandmarks:
    """Landmarks as ``landmark_embedding.npy`` holds them.

    Attributes:
        full: the 68 of the iBUG layout, contour first.
        dynamic_triangles: (79, 17) int32, the contour as seen for a yaw of 0, 1, ... 39 degrees
            (rows 0-39) and -1, ... -39 degrees (rows 40-78).
        dynamic_barycentric: (79, 17, 3) float64.
    """

    full: SurfacePlaces
    dynamic_triangles: Int32Array
    dynamic_barycentric: Float64Array


def flame_landmarks(
    landmarks: Float64Array, template: Float64Array, triangles: Int32Array
) -> FlameLandmarks:
    """Put landmarks on the mesh.

    Args:
        landmarks: (68, 3) metres, where they should be.
        template: (V, 3) metres, y up, z out of the face.
        triangles: (F, 3).
    """
    full = nearest_places(landmarks, template, triangles)
    contour = landmarks[:CONTOUR_COUNT]
    middles = template[triangles].mean(axis=1)
    near = [_around(place, middles) for place in contour]
    yaws = [*range(YAW_MAX_DEG + 1), *(-yaw for yaw in range(1, YAW_MAX_DEG + 1))]
    chosen = np.array(
        [
            [
                _outermost(number, middles[around], around, np.radians(yaw))
                for number, around in enumerate(near)
            ]
            for yaw in yaws
        ],
        dtype=np.int32,
    )
    weights = np.full((*chosen.shape, 3), 1.0 / 3.0)
    chosen[0], weights[0] = full.triangles[:CONTOUR_COUNT], full.barycentric[:CONTOUR_COUNT]
    return FlameLandmarks(full, chosen, weights)


def _around(place: Float64Array, middles: Float64Array) -> Int32Array:
    """Triangles at the height of a contour point and not far from it."""
    level = np.abs(middles[:, 1] - place[1]) < _BAND_M
    close = np.linalg.norm(middles - place, axis=1) < _ROAM_M
    return np.flatnonzero(level & close).astype(np.int32)


def _outermost(number: int, middles: Float64Array, triangles: Int32Array, yaw: float) -> int:
    """The triangle farthest out to its side, or lowest under the chin, of the turned head."""
    across = middles[:, 0] * np.cos(yaw) + middles[:, 2] * np.sin(yaw)
    middle = CONTOUR_COUNT // 2
    reach = -middles[:, 1] if number == middle else np.sign(number - middle) * across
    return int(triangles[np.argmax(np.round(reach, 9))])
