"""Backgrounds of synthetic pictures."""

from __future__ import annotations

import cv2
import numpy as np

from dice_ros.synthesis.scene import Backdrop, BackdropKind
from dice_ros.types import Float32Array


def paint_backdrop(backdrop: Backdrop, width: int, height: int) -> Float32Array:
    """(H, W, 3) float32, linear light: the background alone, out of focus."""
    rng = np.random.default_rng(backdrop.seed)
    share = np.linspace(0.0, 1.0, height)[:, None, None]
    colour = backdrop.top * (1.0 - share) + backdrop.bottom * share
    picture = np.ascontiguousarray(np.broadcast_to(colour, (height, width, 3)), dtype=np.float32)
    if backdrop.kind is BackdropKind.BLOBS:
        picture = _with_blobs(picture, rng)
    if backdrop.kind is BackdropKind.NOISE:
        picture = picture * _clouds(rng, width, height)
    return np.asarray(np.clip(picture, 0.0, 1.0) ** 2.2, dtype=np.float32)


def _with_blobs(picture: Float32Array, rng: np.random.Generator) -> Float32Array:
    """Soft discs and boxes, like furniture and lamps far behind."""
    height, width = picture.shape[:2]
    base = picture.mean((0, 1))
    for _ in range(12):
        tint = rng.uniform(0.55, 1.45) * rng.uniform(0.95, 1.05, 3)
        colour = np.clip(base * tint, 0.0, 1.0)
        centre = rng.uniform(0.0, 1.0, 2) * (width, height)
        size = rng.uniform(0.04, 0.22, 2) * width
        low, high = (centre - size).astype(int).tolist(), (centre + size).astype(int).tolist()
        if rng.uniform() < 0.5:
            cv2.rectangle(picture, low, high, colour.tolist(), -1)
        else:
            cv2.circle(picture, centre.astype(int).tolist(), int(size[0]), colour.tolist(), -1)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.02 * width), dtype=np.float32)


def _clouds(rng: np.random.Generator, width: int, height: int) -> Float32Array:
    total = np.ones((height, width, 1), dtype=np.float32)
    for cells, strength in ((4, 0.12), (9, 0.06), (20, 0.03)):
        coarse = rng.normal(0.0, strength, (cells, cells)).astype(np.float32)
        total[..., 0] += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.maximum(total, 0.2)
