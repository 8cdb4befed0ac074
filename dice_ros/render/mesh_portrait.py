"""A mesh by itself, seen from afar: for charts and heat maps, not over a camera image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dice_ros.body.vertex_normals import vertex_normals
from dice_ros.render.rasterizer import Fragments, Rasterizer
from dice_ros.render.shading import Lights, interpolate, light
from dice_ros.types import Float32Array, Float64Array, Int32Array

_DISTANCE_M = 8.0
"""So far that perspective does not show."""
_LIGHTS = Lights(key=0.42, fill=0.18, ambient=0.5)


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """One view of a mesh; H x W pixels, N of them covered.

    Attributes:
        seen: what is seen in every pixel.
        shade: (N,) float32, brightness of the surface, about 1 where it faces the light.
        triangles: (F, 3) as drawn.
    """

    seen: Fragments
    shade: Float32Array
    triangles: Int32Array

    def blend(self, values: NDArray[np.floating]) -> Float32Array:
        """(N,) or (N, C) values of the vertices, smooth over the surface."""
        return interpolate(values, self.triangles, self.seen)

    def pick(self, labels: NDArray[np.integer]) -> Int32Array:
        """(H, W) label of the vertex nearest to each pixel; -1 where nothing is seen."""
        picked = np.full(self.seen.triangle.shape, -1, dtype=np.int32)
        covered = self.seen.covered
        corners = self.triangles[self.seen.triangle[covered]]
        nearest = self.seen.barycentric[covered].argmax(axis=1)
        picked[covered] = labels[corners[np.arange(len(corners)), nearest]]
        return picked


def turned_about_y(angle_rad: float) -> Float64Array:
    """(3, 3) rotation of a head about the vertical; a quarter turn back shows its right side."""
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


VIEWS = {
    "right side": turned_about_y(-0.5 * np.pi),
    "front": np.eye(3),
    "left side": turned_about_y(0.5 * np.pi),
}
"""Rotations that show a head, which faces the camera by itself, from three sides."""


def draw_portrait(
    vertices: NDArray[np.floating],
    triangles: Int32Array,
    rotation: Float64Array,
    size: tuple[int, int],
    height_m: float,
) -> Portrait:
    """Draw a mesh in the middle of a picture.

    Args:
        vertices: (V, 3) metres, x right, y down, z away when not rotated.
        triangles: (F, 3) counter-clockwise seen from outside.
        rotation: (3, 3) applied to the vertices.
        size: width, height in pixels.
        height_m: metres that the picture's height shows.
    """
    width, height = size
    turned = np.asarray(vertices, dtype=np.float64) @ rotation.T
    middle = 0.5 * (turned.min(axis=0) + turned.max(axis=0))
    turned = turned - middle + (0.0, 0.0, _DISTANCE_M)
    focal = _DISTANCE_M * height / height_m
    K = np.array([[focal, 0, 0.5 * (width - 1)], [0, focal, 0.5 * (height - 1)], [0, 0, 1.0]])
    seen = Rasterizer(width, height, cull_back_faces=True).draw(turned, triangles, K)
    normals = interpolate(vertex_normals(turned, triangles), triangles, seen)
    shade = light(normals, np.array([0.0, 0.0, -1.0]), _LIGHTS).diffuse
    return Portrait(seen, shade, triangles)
