"""A z-buffer in plain NumPy: which triangle is seen in every pixel, and where in it.

All triangles are handled at once: each is cut into pixel rows, each row into the exact span of
pixel centres it covers, and the nearest candidate of every pixel wins. No graphics library, no
per-triangle Python.

Pixel (column c, row r) has its centre at image coordinates (c, r), as in OpenCV and ROS.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dice_ros.types import BoolArray, Float32Array, Float64Array, Int32Array

NEAR_M = 0.01
"""Triangles with a corner nearer than this are not drawn, metres."""

_EDGE_TOLERANCE_PX = 1e-7
_MAX_ROWS = 4_000_000
_MAX_CANDIDATES = 2_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Fragments:
    """What is seen in every pixel.

    Attributes:
        depth: (H, W) float32, metres along z; inf where nothing is seen.
        triangle: (H, W) int32, index of the triangle; -1 where nothing is seen.
        barycentric: (H, W, 3) float32, perspective-correct weights of its corners; 0 if none.
    """

    depth: Float32Array
    triangle: Int32Array
    barycentric: Float32Array

    @property
    def covered(self) -> BoolArray:
        """(H, W) bool, True where a triangle is seen."""
        return np.asarray(self.triangle >= 0)


@dataclass(frozen=True, slots=True, eq=False)
class _Spans:
    """Runs of covered pixel centres, one per triangle and row; S spans."""

    triangle: NDArray[np.int64]
    row: NDArray[np.int64]
    first: NDArray[np.int64]
    length: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class _Planes:
    """Affine functions of the pixel position, for T kept triangles.

    ``weights[t, k] @ (x, y, 1)`` is the screen-space weight of corner k; the inverse depth is
    affine too, because projection is perspective.
    """

    source: NDArray[np.int64]
    weights: Float64Array
    inverse_depth: Float64Array
    corner_inverse_depth: Float64Array
    top: NDArray[np.int64]
    bottom: NDArray[np.int64]


class Rasterizer:
    """Draws triangle meshes into pixel buffers of one size.

    Args:
        width, height: pixels.
        cull_back_faces: leave out triangles seen from behind (clockwise in the image).
    """

    def __init__(self, width: int, height: int, *, cull_back_faces: bool = False) -> None:
        if width < 1 or height < 1:
            raise ValueError(f"picture of {width}x{height} pixels, expected at least 1x1")
        self.width = width
        self.height = height
        self._cull_back_faces = cull_back_faces

    def draw(
        self,
        vertices_cam: NDArray[np.floating],
        triangles: Int32Array,
        K: NDArray[np.floating],
    ) -> Fragments:
        """Draw a mesh through an ideal pinhole camera.

        Args:
            vertices_cam: (V, 3) metres, cam.
            triangles: (F, 3) indices; counter-clockwise seen from the front.
            K: (3, 3) pixels.
        """
        vertices = np.asarray(vertices_cam, dtype=np.float64)
        depth = vertices[:, 2]
        safe = np.where(depth > NEAR_M, depth, 1.0)
        pixels = vertices[:, :2] / safe[:, None] @ K[:2, :2].T + K[:2, 2]
        return self.draw_projected(pixels, depth, triangles)

    def draw_projected(
        self,
        pixels: NDArray[np.floating],
        depth: NDArray[np.floating],
        triangles: Int32Array,
    ) -> Fragments:
        """Draw a mesh whose vertices were projected elsewhere (lens distortion).

        Args:
            pixels: (V, 2) image pixels.
            depth: (V,) metres along z; triangles with a corner nearer than :data:`NEAR_M`, or
                with NaN anywhere, are left out.
            triangles: (F, 3) indices.
        """
        planes = self._planes(
            np.asarray(pixels, np.float64), np.asarray(depth, np.float64), triangles
        )
        nearest = np.zeros(self.height * self.width)
        owner = np.full(self.height * self.width, -1, dtype=np.int64)
        row_counts = planes.bottom - planes.top + 1
        for some in _chunks(row_counts, _MAX_ROWS):
            spans = self._spans(planes, np.arange(some.start, some.stop))
            for part in _chunks(spans.length, _MAX_CANDIDATES):
                self._resolve(planes, spans, part, nearest, owner)
        return self._fragments(planes, nearest, owner)

    def _planes(self, pixels: Float64Array, depth: Float64Array, triangles: Int32Array) -> _Planes:
        corners = pixels[triangles]  # (F, 3, 2)
        corner_depth = depth[triangles]
        x, y = corners[..., 0], corners[..., 1]
        with np.errstate(invalid="ignore", over="ignore"):
            area = (x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0])
            area -= (x[:, 2] - x[:, 0]) * (y[:, 1] - y[:, 0])
            top, bottom = np.ceil(y.min(1)), np.floor(y.max(1))
            keep = (corner_depth > NEAR_M).all(1) & np.isfinite(area) & (area != 0)
            keep &= (top < self.height) & (bottom >= 0) & (bottom >= top)
            keep &= (x.min(1) <= self.width - 1) & (x.max(1) >= 0)
        if self._cull_back_faces:
            # Counter-clockwise seen from outside is clockwise on a y-down image seen along +z.
            keep &= area < 0
        source = np.flatnonzero(keep)
        x, y, area = x[source], y[source], area[source]
        weights = np.empty((len(source), 3, 3))
        for corner in range(3):
            after, last = (corner + 1) % 3, (corner + 2) % 3
            weights[:, corner, 0] = y[:, after] - y[:, last]
            weights[:, corner, 1] = x[:, last] - x[:, after]
            weights[:, corner, 2] = x[:, after] * y[:, last] - x[:, last] * y[:, after]
        weights /= area[:, None, None]
        corner_inverse = 1.0 / corner_depth[source]
        return _Planes(
            source,
            weights,
            np.einsum("tk,tkc->tc", corner_inverse, weights),
            corner_inverse,
            np.maximum(top[source], 0).astype(np.int64),
            np.minimum(bottom[source], self.height - 1).astype(np.int64),
        )

    def _spans(self, planes: _Planes, some: NDArray[np.int64]) -> _Spans:
        counts = planes.bottom[some] - planes.top[some] + 1
        triangle = np.repeat(some, counts)
        row = _ramps(counts) + np.repeat(planes.top[some], counts)
        weights = planes.weights
        first = np.zeros(len(row))
        last = np.full(len(row), self.width - 1.0)
        for corner in range(3):
            # The weight of this corner must not be negative: a bound on x on one side.
            slope = weights[:, corner, 0][triangle]
            level = weights[:, corner, 1][triangle] * row + weights[:, corner, 2][triangle]
            with np.errstate(divide="ignore", invalid="ignore"):
                bound = -level / slope
            np.maximum(first, bound - _EDGE_TOLERANCE_PX, out=first, where=slope > 0)
            np.minimum(last, bound + _EDGE_TOLERANCE_PX, out=last, where=slope < 0)
            first[(slope == 0) & (level < 0)] = self.width
        first, last = np.ceil(first), np.floor(last)
        full = np.flatnonzero(last >= first)
        return _Spans(
            triangle[full],
            row[full],
            first[full].astype(np.int64),
            (last[full] - first[full]).astype(np.int64) + 1,
        )

    def _resolve(
        self,
        planes: _Planes,
        spans: _Spans,
        part: slice,
        nearest: Float64Array,
        owner: NDArray[np.int64],
    ) -> None:
        """Let the nearest candidates of some spans win; of equal ones, the lowest triangle."""
        triangle, row, length = spans.triangle[part], spans.row[part], spans.length[part]
        first = spans.first[part]
        plane = planes.inverse_depth[triangle]
        start = plane[:, 0] * first + plane[:, 1] * row + plane[:, 2]
        step = _ramps(length)
        inverse = np.repeat(start, length) + np.repeat(plane[:, 0], length) * step
        pixel = np.repeat(row * self.width + first, length) + step
        np.maximum.at(nearest, pixel, inverse)
        winners = np.flatnonzero(inverse == nearest[pixel])[::-1]
        owner[pixel[winners]] = np.repeat(triangle, length)[winners]

    def _fragments(
        self, planes: _Planes, nearest: Float64Array, owner: NDArray[np.int64]
    ) -> Fragments:
        seen = np.flatnonzero(owner >= 0)
        triangle = owner[seen]
        row, column = np.divmod(seen, self.width)
        plane = planes.weights[triangle]
        weights = plane[..., 0] * column[:, None] + plane[..., 1] * row[:, None] + plane[..., 2]
        weights *= planes.corner_inverse_depth[triangle]
        np.maximum(weights, 0.0, out=weights)
        weights /= weights.sum(1, keepdims=True)

        shape = (self.height, self.width)
        depth = np.full(self.height * self.width, np.inf, dtype=np.float32)
        depth[seen] = 1.0 / nearest[seen]
        index = np.full(self.height * self.width, -1, dtype=np.int32)
        index[seen] = planes.source[triangle]
        barycentric = np.zeros((self.height * self.width, 3), dtype=np.float32)
        barycentric[seen] = weights
        return Fragments(depth.reshape(shape), index.reshape(shape), barycentric.reshape(*shape, 3))


def _ramps(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """0, 1, ... n-1 for every n of ``counts``, one after the other."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    return np.asarray(np.arange(total) - np.repeat(ends - counts, counts))


def _chunks(counts: NDArray[np.int64], limit: int) -> list[slice]:
    """Slices of consecutive items whose counts add up to about ``limit`` each."""
    if not len(counts):
        return []
    bins = (np.cumsum(counts) - counts) // limit
    starts = np.flatnonzero(np.diff(bins, prepend=-1))
    return [slice(int(a), int(b)) for a, b in zip(starts, [*starts[1:], len(counts)], strict=True)]
