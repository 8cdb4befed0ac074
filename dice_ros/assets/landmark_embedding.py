"""Where the face network's 478 landmarks lie on the open head: found by looking.

The template is drawn from several sides, the landmark network is run on the pictures, and the
surface point under each landmark is looked up. The robust mean of the views, made left-right
symmetric and snapped to the skin, is the landmark's place; the disagreement of the views says how
far to trust it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

from dice_ros.assets.head_geometry import HeadGeometry
from dice_ros.body.barycentric import barycentric_of
from dice_ros.body.vertex_normals import vertex_normals
from dice_ros.contact.mesh_surface import closest_on_triangles
from dice_ros.errors import AssetError
from dice_ros.render.rasterizer import Rasterizer
from dice_ros.types import Float32Array, Float64Array, Int32Array, UInt8Array

LANDMARK_COUNT = 478
CROP_SIZE = 256

FaceReader = Callable[[UInt8Array], tuple[Float32Array, float]]
"""Runs the landmark network on a (256, 256, 3) uint8 RGB crop -> (478, 3) crop pixels, score."""

_YAWS_DEG, _PITCHES_DEG = (-35.0, -20.0, -10.0, 0.0, 10.0, 20.0, 35.0), (-15.0, 0.0, 12.0)
_SCORE_MIN = 0.9
_VIEWS_MIN = 12
_DISTANCE_M, _FACE_WIDTH_PX = 0.8, 150.0
_FACE_WIDTH_M, _FACE_CENTRE_Y_M = 0.15, 0.025
_SKIN_TONE = np.array([205.0, 160.0, 135.0])
_EYE_TONE, _IRIS_TONE, _PUPIL_TONE = (235.0, 232.0, 228.0), (95.0, 70.0, 50.0), (20.0, 18.0, 18.0)
_IRIS_RADIUS_M, _PUPIL_RADIUS_M = 5.9e-3, 2.4e-3
_NEAR_TRIANGLES = 24


@dataclass(frozen=True, slots=True, eq=False)
class LandmarkEmbedding:
    """Landmarks on the surface; L = 478.

    Attributes:
        triangles: (L,) int32.
        barycentric: (L, 3) float64.
        spread: (L,) float64, metres: root mean square disagreement of the views.
        mirror: (L,) int32, the left-right partner of each landmark.
    """

    triangles: Int32Array
    barycentric: Float64Array
    spread: Float64Array
    mirror: Int32Array


def embed_landmarks(head: HeadGeometry, read_face: FaceReader) -> LandmarkEmbedding:
    """Find every landmark on the head.

    Args:
        head: geometry without landmarks.
        read_face: the landmark network.

    Raises:
        AssetError: the network does not recognise the rendered head.
    """
    views = [
        _look(head, read_face, np.radians(yaw), np.radians(pitch))
        for yaw in _YAWS_DEG
        for pitch in _PITCHES_DEG
    ]
    hits = np.stack([view for view in views if view is not None])
    if len(hits) < _VIEWS_MIN:
        raise AssetError(
            f"the face network recognised {len(hits)} of {len(views)} pictures of the head, "
            f"expected at least {_VIEWS_MIN}; the pinned files do not fit together"
        )
    middle = np.nanmedian(hits, axis=0)
    distance = np.linalg.norm(hits - middle, axis=2)
    typical = np.nanmedian(distance, axis=0)
    weight = 1.0 / (1.0 + (distance / (typical + 1e-4)) ** 2)
    weight[np.isnan(distance)] = 0.0
    total = weight.sum(axis=0)[:, None]
    mean = np.einsum("vl,vlc->lc", weight, np.nan_to_num(hits)) / np.maximum(total, 1e-9)
    spread = np.sqrt(
        np.einsum("vl,vl->l", weight, np.nan_to_num(distance) ** 2) / np.maximum(total[:, 0], 1e-9)
    )
    spread[np.isnan(hits[..., 0]).mean(axis=0) > 0.5] = 1.0

    flip = np.array([-1.0, 1.0, 1.0])
    gaps = np.linalg.norm(mean[:, None] - mean * flip, axis=2)
    mirror = linear_sum_assignment(gaps + gaps.T)[1].astype(np.int32)
    symmetric = 0.5 * (mean + mean[mirror] * flip)
    spread = np.maximum(spread, spread[mirror])
    triangles, barycentric = _snap(head, symmetric)
    return LandmarkEmbedding(triangles, barycentric, spread, mirror)


def _look(
    head: HeadGeometry, read_face: FaceReader, yaw: float, pitch: float
) -> Float64Array | None:
    """(478, 3) surface points under the landmarks in one view; NaN beside the head."""
    cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    R = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]]) @ np.array(
        [[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]]
    )
    centre = np.array([0.0, _FACE_CENTRE_Y_M, 0.0])
    points = (head.template - centre) @ R.T + (0.0, 0.0, _DISTANCE_M)
    focal = _FACE_WIDTH_PX / _FACE_WIDTH_M * _DISTANCE_M
    half = 0.5 * (CROP_SIZE - 1)
    K = np.array([[focal, 0.0, half], [0.0, focal, half], [0.0, 0.0, 1.0]])
    seen = Rasterizer(CROP_SIZE, CROP_SIZE).draw(points, head.triangles, K)
    picture = _paint(head, points, seen.triangle, seen.barycentric.astype(np.float64))
    pixels, score = read_face(picture)
    if score < _SCORE_MIN:
        return None
    corners = head.triangles[seen.triangle]  # (H, W, 3); of no meaning where nothing is seen
    surface = np.einsum("hwk,hwkc->hwc", seen.barycentric, head.template[corners])
    surface[seen.triangle < 0] = np.nan
    column, row = (np.clip(pixels[:, axis], 0, CROP_SIZE - 1.001) for axis in (0, 1))
    return _bilinear(surface, column, row)


def _bilinear(picture: Float64Array, column: Float32Array, row: Float32Array) -> Float64Array:
    left, top = np.floor(column).astype(np.int64), np.floor(row).astype(np.int64)
    x, y = (column - left)[:, None], (row - top)[:, None]
    upper = (1 - x) * picture[top, left] + x * picture[top, left + 1]
    lower = (1 - x) * picture[top + 1, left] + x * picture[top + 1, left + 1]
    return np.asarray((1 - y) * upper + y * lower)


def _paint(
    head: HeadGeometry, points: Float64Array, triangle: Int32Array, barycentric: Float64Array
) -> UInt8Array:
    """A plain picture: smooth light from the camera, eyes with irises."""
    normals = vertex_normals(points, head.triangles)
    light = 0.35 + 0.65 * np.clip(-normals[:, 2], 0.0, 1.0)
    colours = light[:, None] * _vertex_colours(head)
    corners = head.triangles[triangle]
    picture = np.einsum("hwk,hwkc->hwc", barycentric, colours[corners])
    picture[triangle < 0] = (120.0, 130.0, 140.0)
    return np.asarray(np.clip(picture, 0, 255), dtype=np.uint8)


def _vertex_colours(head: HeadGeometry) -> Float64Array:
    colours = np.tile(_SKIN_TONE, (len(head.template), 1))
    colours[head.is_eye] = _EYE_TONE
    for side in (-1.0, 1.0):
        eye = np.flatnonzero(head.is_eye & (side * head.template[:, 0] > 0))
        centre = head.template[eye].mean(axis=0)
        front = head.template[eye, 2] < centre[2]
        radius = np.linalg.norm(head.template[eye, :2] - centre[:2], axis=1)
        colours[eye[front & (radius < _IRIS_RADIUS_M)]] = _IRIS_TONE
        colours[eye[front & (radius < _PUPIL_RADIUS_M)]] = _PUPIL_TONE
    return colours


def _snap(head: HeadGeometry, points: Float64Array) -> tuple[Int32Array, Float64Array]:
    """The nearest outside triangle of each point and the point's place in it."""
    usable = (head.exterior | head.is_eye)[head.triangles].all(axis=1)
    candidates = np.flatnonzero(usable)
    corners = head.template[head.triangles[candidates]]
    near = np.asarray(cKDTree(corners.mean(axis=1)).query(points, k=_NEAR_TRIANGLES)[1])
    feet = closest_on_triangles(points[:, None], corners[near])
    best = np.linalg.norm(feet - points[:, None], axis=2).argmin(axis=1)
    rows = np.arange(len(points))
    chosen = near[rows, best]
    return candidates[chosen].astype(np.int32), barycentric_of(feet[rows, best], corners[chosen])
