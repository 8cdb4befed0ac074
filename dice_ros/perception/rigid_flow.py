"""How much nearer a thing came from one image to the next, from the growth of its picture.

The size of a hand is not known, so neither is its depth; but between two images the hand is the
same, and its picture grows as it comes nearer. Texture and edges on the thing are followed with
Lucas-Kanade optical flow in a crop around it, and a small rigid motion of its surface is fitted to
them. Turning shortens the picture, too; since the surface is known, the fit tells it apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial import cKDTree

from dice_ros.camera import Camera
from dice_ros.types import BoolArray, Float32Array, Float64Array, UInt8Array

_SIDE = 192
_MARGIN = 1.4
_POINTS_MAX = 100
_CORNER_QUALITY, _CORNER_DISTANCE, _CORNER_BLOCK = 0.005, 4, 5
_FLOW_WINDOW, _FLOW_LEVELS = (15, 15), 3
_FLOW_STOP = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 10, 0.03)
_RETURN_MAX_PX = 0.5
_SURFACE_STEP = 2
_SURFACE_GROWTH, _HIDDEN_GROWTH = 7, 15
_NEIGHBOURS = 4

_PIXEL_SIGMA = 0.3
_CAUCHY_SIGMAS = 3.0
_TURN_SIGMA, _SHIFT_SIGMA = 0.15, 0.3
_STEPS = 5
_INLIERS_MIN, _INLIER_SHARE_MIN = 12, 0.6


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A thing as one image shows it.

    Attributes:
        patch: (S, S) uint8 grey crop.
        centre: (2,) pixels of the image, of the crop.
        side: pixels of the image, of the crop.
        points: (N, 2) float32, crop pixels, where its surface is.
        depth: (N,) float32, metres, of these points; only their ratios matter.
        mask: (S, S) uint8, where it can be followed.
    """

    patch: UInt8Array
    centre: Float64Array
    side: float
    points: Float32Array
    depth: Float32Array
    mask: UInt8Array

    @staticmethod
    def of(
        image: UInt8Array,
        camera: Camera,
        surface: Float32Array,
        hidden_by: Sequence[Float32Array] = (),
    ) -> View | None:
        """Keep what is needed to compare the next image with this one.

        Args:
            image: (H, W, 3) uint8 RGB.
            camera: its calibration.
            surface: (V, 3) float32, metres, cam: points of the side that is seen.
            hidden_by: the same of things in front of it.

        Returns:
            The view; None if the thing is too far out of the picture.
        """
        pixels = camera.project(surface[::_SURFACE_STEP])
        low, high = pixels.min(0), pixels.max(0)
        side = _MARGIN * float((high - low).max())
        size = (camera.width, camera.height)
        if not np.isfinite(side) or side < 1.0 or (high < 0).any() or (low > size).any():
            return None
        centre = 0.5 * (low + high)
        points = _to_crop(pixels, centre, side)
        mask = _painted(points, _SURFACE_GROWTH)
        for thing in hidden_by:
            before = _to_crop(camera.project(thing[::_SURFACE_STEP]), centre, side)
            mask[_painted(before, _HIDDEN_GROWTH) > 0] = 0
        return View(
            _crop(image, centre, side),
            centre,
            side,
            points.astype(np.float32),
            surface[::_SURFACE_STEP, 2].copy(),
            mask,
        )

    def depth_change(self, image: UInt8Array, camera: Camera) -> float | None:
        """Logarithm of its depth in another image over its depth in this one.

        Args:
            image: (H, W, 3) uint8 RGB, as large as the first one.
            camera: its calibration.

        Returns:
            The logarithm; None if too little of the thing can be followed.
        """
        followed = _follow(self.patch, _crop(image, self.centre, self.side), self.mask)
        if followed is None:
            return None
        near = np.asarray(cKDTree(self.points).query(followed[0], k=_NEIGHBOURS)[1])
        depth = self.depth[near].mean(1, dtype=np.float64)
        first, second = (self._rays(points, camera) for points in followed)
        pixel = self.side / _SIDE / float(camera.K[0, 0])
        return _log_depth_ratio(first, second, depth / np.median(depth), _PIXEL_SIGMA * pixel)

    def _rays(self, points: Float64Array, camera: Camera) -> Float64Array:
        pixels = camera.undistort((points - 0.5 * _SIDE) * (self.side / _SIDE) + self.centre)
        K = camera.K
        return np.asarray((pixels - K[:2, 2]) / (K[0, 0], K[1, 1]))


def _to_crop(pixels: Float64Array, centre: Float64Array, side: float) -> Float64Array:
    return np.asarray((pixels - centre) * (_SIDE / side) + 0.5 * _SIDE)


def _crop(image: UInt8Array, centre: Float64Array, side: float) -> UInt8Array:
    factor = _SIDE / side
    shift = 0.5 * _SIDE - factor * centre
    M = np.array([[factor, 0.0, shift[0]], [0.0, factor, shift[1]]])
    patch = cv2.warpAffine(
        image, M, (_SIDE, _SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(cv2.cvtColor(patch, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def _painted(points: Float64Array, growth: int) -> UInt8Array:
    """(S, S) uint8: 255 within ``growth`` / 2 pixels of any of (N, 2) points."""
    mask = np.zeros((_SIDE, _SIDE), dtype=np.uint8)
    inside = np.all((points >= 0) & (points < _SIDE - 0.5), axis=1)
    column, row = np.round(points[inside]).astype(np.intp).T
    mask[row, column] = 255
    return np.asarray(cv2.dilate(mask, np.ones((growth, growth), np.uint8)), dtype=np.uint8)


def _follow(
    first: UInt8Array, second: UInt8Array, mask: UInt8Array
) -> tuple[Float64Array, Float64Array] | None:
    """(N, 2) crop pixels in both crops of what was found there and back again."""
    start = cv2.goodFeaturesToTrack(
        first, _POINTS_MAX, _CORNER_QUALITY, _CORNER_DISTANCE, mask=mask, blockSize=_CORNER_BLOCK
    )
    if start is None or len(start) < _INLIERS_MIN:
        return None
    there, found = _flow(first, second, np.asarray(start, dtype=np.float32))
    back, found_back = _flow(second, first, there)
    off = np.linalg.norm((back - start)[:, 0], axis=1)
    kept = found & found_back & (off < _RETURN_MAX_PX)
    if kept.sum() < _INLIERS_MIN:
        return None
    return start[kept, 0].astype(np.float64), there[kept, 0].astype(np.float64)


def _flow(
    first: UInt8Array, second: UInt8Array, points: Float32Array
) -> tuple[Float32Array, BoolArray]:
    """(N, 1, 2) where points of one crop are in another, and (N,) whether they were found."""
    there, found, _ = cv2.calcOpticalFlowPyrLK(
        first,
        second,
        points,
        None,  # type: ignore[call-overload]  # OpenCV's stubs demand an array
        winSize=_FLOW_WINDOW,
        maxLevel=_FLOW_LEVELS,
        criteria=_FLOW_STOP,
    )
    return np.asarray(there, dtype=np.float32), np.asarray(found[:, 0] > 0)


def _log_depth_ratio(
    first: Float64Array, second: Float64Array, depth: Float64Array, sigma: float
) -> float | None:
    """The shift along the optical axis that explains the motion of rays best.

    Args:
        first, second: (N, 2) rays (x/z, y/z) to the same points before and after.
        depth: (N,) depths before, in units of the thing's.
        sigma: standard deviation of a ray.

    Returns:
        Logarithm of the thing's depth after over before; None if too few rays fit.
    """
    points = np.column_stack([first * depth[:, None], depth])
    offset = points - points.mean(0)
    x, y = second.T
    none, one = np.zeros(len(depth)), np.ones(len(depth))
    # Unknowns: turn (3) about the centre, shift (3); x (Z + dZ) - (X + dX) = 0, likewise for y.
    right = [x * offset[:, 1], -x * offset[:, 0] - offset[:, 2], offset[:, 1], -one, none, x]
    down = [y * offset[:, 1] + offset[:, 2], -y * offset[:, 0], -offset[:, 0], none, -one, y]
    J = np.concatenate([np.column_stack(right), np.column_stack(down)])
    miss = np.concatenate([x * points[:, 2] - points[:, 0], y * points[:, 2] - points[:, 1]])
    prior = np.diag(np.repeat([_TURN_SIGMA**-2, _SHIFT_SIGMA**-2], 3))
    weight, squared, motion = one, none, np.zeros(6)
    for _ in range(_STEPS):
        weights = np.tile(weight, 2) / sigma**2
        H = J.T @ (weights[:, None] * J) + prior
        motion = np.linalg.solve(H, -J.T @ (weights * miss))
        error = (miss + J @ motion).reshape(2, -1)
        squared = (error**2).sum(0) / sigma**2
        weight = 1.0 / (1.0 + squared / _CAUCHY_SIGMAS**2)
    fitting = squared < _CAUCHY_SIGMAS**2
    if fitting.sum() < _INLIERS_MIN or fitting.mean() < _INLIER_SHARE_MIN or motion[5] <= -1.0:
        return None
    return float(np.log1p(motion[5]))
