"""Shadows: what the key light sees, drawn with the same rasterizer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dice_ros.render.rasterizer import Rasterizer
from dice_ros.types import Float32Array, Float64Array, Int32Array

_LAMP_DISTANCE_M = 4.0
_MAP_PX = 512
_BIAS_M = 0.004
_SOFTNESS_PX = 1.6


class ShadowMap:
    """Depth seen from the key light.

    Args:
        vertices: (V, 3) metres, cam.
        triangles: (F, 3).
        direction: (3,) cam, towards the light.
    """

    def __init__(
        self, vertices: NDArray[np.floating], triangles: Int32Array, direction: Float64Array
    ) -> None:
        forward = -direction / np.linalg.norm(direction)
        side = np.cross(forward, [0.0, 1.0, 0.0])
        side /= np.linalg.norm(side)
        self._turn = np.stack([side, np.cross(forward, side), forward])
        centre = 0.5 * (vertices.min(0) + vertices.max(0))
        self._lamp: Float64Array = centre - _LAMP_DISTANCE_M * forward
        seen = self._from_lamp(vertices)
        slope = np.abs(seen[:, :2] / seen[:, 2:]).max()
        middle = 0.5 * (_MAP_PX - 1)
        focal = 0.98 * middle / slope
        self._K = np.array([[focal, 0.0, middle], [0.0, focal, middle], [0.0, 0.0, 1.0]])
        drawn = Rasterizer(_MAP_PX, _MAP_PX).draw(seen, triangles, self._K)
        self._depth = drawn.depth

    def lit(self, points: Float32Array, normals: Float32Array) -> Float32Array:
        """(N,) float32, 1 in full light to 0 in shadow, with soft edges.

        Args:
            points: (N, 3) metres, cam.
            normals: (N, 3) outward; points are lifted along them against self-shadowing.
        """
        seen = self._from_lamp(points + _BIAS_M * normals).astype(np.float32)
        x, y = (seen[:, :2] / seen[:, 2:] * self._K[0, 0] + self._K[0, 2]).T
        # Percentage-closer filtering: average the comparison, not the depth.
        total = np.zeros(len(points), dtype=np.float32)
        offsets = [(dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
        for dx, dy in offsets:
            column = np.clip(x + (dx * _SOFTNESS_PX + 0.5), 0, _MAP_PX - 1).astype(np.int64)
            row = np.clip(y + (dy * _SOFTNESS_PX + 0.5), 0, _MAP_PX - 1).astype(np.int64)
            total += seen[:, 2] < self._depth[row, column] + _BIAS_M
        return np.asarray(total / len(offsets), dtype=np.float32)

    def _from_lamp(self, points: NDArray[np.floating]) -> Float64Array:
        return np.asarray((points - self._lamp) @ self._turn.T, dtype=np.float64)
