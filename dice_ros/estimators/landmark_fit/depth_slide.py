"""Sliding a hand along its viewing rays until it reaches the face.

Scaling a hand about the camera centre by a factor (the depth ratio) changes its depth and its size
but not its picture. The hand that is seen is in front of the face, so the ratio at which it first
presses into the skin is the largest one the picture allows (the occlusion constraint), and it is
the right one if the hand touches. Since every hand vertex moves along its own viewing ray, that
ratio is found directly, without a search: it is the smallest of (depth of the skin on the ray plus
the depth to which the skin gives way there) / (depth of the vertex).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from dice_ros.types import BoolArray, Float32Array, Float64Array

_NEIGHBOURS = 3
_GROWTH_M = 6e-3
_FACING_COSINE_MIN = 0.25
_OUTLIERS = 2


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a hand is from the face along its viewing rays.

    Attributes:
        overlap: share of the hand's vertices that cover the face in the image, 0..1.
        contact_ratio: depth ratio at which the hand presses into the face; NaN without overlap.
        touch_ratio: depth ratio at which the hand only just touches; NaN without overlap.
    """

    overlap: float
    contact_ratio: float
    touch_ratio: float


class FaceDepth:
    """Depth of the visible skin of a face along viewing rays.

    The skin near a ray is taken as the tangent planes of the nearest visible vertices.

    Args:
        vertices: (V, 3) float32 metres, cam, undeformed.
        normals: (V, 3) float32 unit outward normals.
        exterior: (V,) bool, skin that can be touched.
        give_m: (V,) how deep the skin gives way under a nominal press, metres.
    """

    def __init__(
        self,
        vertices: Float32Array,
        normals: Float32Array,
        exterior: BoolArray,
        give_m: Float64Array,
    ) -> None:
        rays = vertices / vertices[:, 2:]
        facing = -np.einsum("vi,vi->v", normals, rays) / np.linalg.norm(rays, axis=1)
        visible = exterior & (facing > _FACING_COSINE_MIN * 0.5)
        self._rays = rays[visible, :2].astype(np.float64)
        self._vertices = vertices[visible].astype(np.float64)
        self._normals = normals[visible].astype(np.float64)
        self._give_m = give_m[visible]
        self._growth = _GROWTH_M / float(np.median(vertices[:, 2]))
        self._tree = cKDTree(self._rays) if visible.any() else None

    def reach(self, hand: Float32Array) -> Reach:
        """How far a hand is from this face.

        Args:
            hand: (V, 3) float32 metres, cam.
        """
        if self._tree is None:
            return Reach(0.0, np.nan, np.nan)
        depth = hand[:, 2].astype(np.float64)
        rays = hand.astype(np.float64) / depth[:, None]
        distance, near = (
            np.asarray(found)
            for found in self._tree.query(
                rays[:, :2], k=_NEIGHBOURS, distance_upper_bound=3 * self._growth
            )
        )
        over = distance[:, 0] < self._growth
        if over.sum() <= _OUTLIERS:
            return Reach(0.0, np.nan, np.nan)
        skin, give = self._skin_depth(rays[over], near[over], distance[over])
        touch = np.partition(skin / depth[over], _OUTLIERS)[_OUTLIERS]
        contact = np.partition((skin + give) / depth[over], _OUTLIERS)[_OUTLIERS]
        return Reach(float(over.mean()), float(contact), float(touch))

    def _skin_depth(
        self, rays: Float64Array, near: Float64Array, distance: Float64Array
    ) -> tuple[Float64Array, Float64Array]:
        """Depth of the skin on each ray (N,), and how much deeper a press gets along it (N,)."""
        found = np.isfinite(distance)
        near = np.where(found, near, near[:, :1])
        weight = np.where(found, 1.0 / (distance + 0.1 * self._growth), 0.0)
        weight /= weight.sum(axis=1, keepdims=True)
        points, normals = self._vertices[near], self._normals[near]  # (N, k, 3)
        against = -np.einsum("nki,ni->nk", normals, rays)
        slope = np.maximum(against, _FACING_COSINE_MIN)
        plane = -np.einsum("nki,nki->nk", normals, points) / slope
        # A plane seen edge-on says little about depth away from its vertex.
        plane = np.where(against > _FACING_COSINE_MIN, plane, points[..., 2])
        skin = np.einsum("nk,nk->n", weight, plane)
        give = np.einsum("nk,nk->n", weight, self._give_m[near] / slope)
        return skin, give
