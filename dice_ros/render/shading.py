"""Smooth shading of rasterised meshes: a key light, a softer fill light, ambient, a highlight."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dice_ros.render.rasterizer import Fragments
from dice_ros.types import Float32Array, Float64Array, Int32Array


@dataclass(frozen=True, slots=True, eq=False)
class Lights:
    """Directional lights in the camera frame.

    Attributes:
        key_direction, fill_direction: (3,) from the surface towards the light; any length.
        key, fill, ambient: intensities; an unlit white surface shows ``ambient``.
        specular: strength of the key light's highlight; 0 for none.
        shininess: exponent of the highlight; higher is smaller and sharper.
    """

    key_direction: Float64Array = field(default_factory=lambda: np.array([-0.4, -0.6, -1.0]))
    fill_direction: Float64Array = field(default_factory=lambda: np.array([0.9, 0.1, -0.5]))
    key: float = 0.65
    fill: float = 0.2
    ambient: float = 0.3
    specular: float = 0.0
    shininess: float = 20.0


@dataclass(frozen=True, slots=True, eq=False)
class Lighting:
    """Light leaving surfaces.

    Attributes:
        diffuse: (N,) float32, multiply by the surface colour.
        specular: (N,) float32, white, to be added.
    """

    diffuse: Float32Array
    specular: Float32Array


def interpolate(
    values: NDArray[np.floating], triangles: Int32Array, fragments: Fragments
) -> Float32Array:
    """Values of the vertices blended over the visible surface.

    Args:
        values: (V, C) or (V,).
        triangles: (F, 3), as drawn.
        fragments: what is seen, N covered pixels.

    Returns:
        (N, C) or (N,) float32, covered pixels in row-major order.
    """
    covered = fragments.covered
    corners = triangles[fragments.triangle[covered]]  # (N, 3)
    weights = fragments.barycentric[covered]
    values = np.asarray(values, dtype=np.float32)
    if values.ndim == 1:
        return np.asarray((values[corners] * weights).sum(1))
    return np.asarray(np.einsum("nk,nkc->nc", weights, values[corners]))


def light(
    normals: NDArray[np.floating],
    view: NDArray[np.floating],
    lights: Lights,
    key_visible: NDArray[np.floating] | float = 1.0,
) -> Lighting:
    """How bright surfaces are.

    Args:
        normals: (N, 3) outward, cam; need not be of unit length.
        view: (N, 3) or (3,) from the surface towards the camera, any length.
        lights: the lamps.
        key_visible: (N,) 0..1, how much of the key light arrives (shadows).
    """
    unit = _unit(np.asarray(normals, dtype=np.float32))
    key, fill = _unit32(lights.key_direction), _unit32(lights.fill_direction)
    diffuse = lights.ambient + lights.fill * np.clip(unit @ fill, 0.0, None)
    diffuse += lights.key * key_visible * np.clip(unit @ key, 0.0, None)
    if lights.specular <= 0.0:
        return Lighting(diffuse, np.zeros_like(diffuse))
    half = _unit(_unit(np.asarray(view, dtype=np.float32)) + key)
    shine = np.clip((unit * half).sum(1), 0.0, None) ** lights.shininess
    return Lighting(diffuse, lights.specular * key_visible * shine)


def _unit(vectors: Float32Array) -> Float32Array:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12))


def _unit32(vector: Float64Array) -> Float32Array:
    return _unit(np.asarray(vector, dtype=np.float32))
