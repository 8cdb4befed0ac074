"""From image crops to DICE's input: antialiased resize, scaling, statistics, channel order.

The published code shrinks with a triangle filter that widens with the factor (antialiasing), in
two passes, columns first, with weights rounded to 22 bits and sums to whole grey levels. Both
passes are sums over the pixels that count, in float64 (exact), where the network runs. **Channels
are BGR** while mean and deviation are those of RGB: that is how the published weights were trained.
B crops, N side of the cut.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dice_ros.networks.dice import CROP_SIDE

_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)
_SIZES_KEPT = 8
_ONE = float(1 << 22)


def resize_square(cut: NDArray[np.uint8], device: torch.device | str = "cpu") -> Tensor:
    """Resize a square cut to 224 x 224 as the published code does.

    Args:
        cut: (N, N, 3) uint8.
        device: where the products are computed.

    Returns:
        (224, 224, 3) float32, whole numbers 0..255, channels as they came.
    """
    side = cut.shape[0]
    pixels = torch.from_numpy(np.ascontiguousarray(cut)).to(device)
    if side == CROP_SIDE:
        return pixels.float()
    taps, weights = (torch.from_numpy(array).to(device) for array in triangle_taps(side))
    # Columns first: (N, N, 3) -> (N, 224, 3) -> (224, 224, 3).
    narrow = _resampled(pixels.transpose(0, 1).contiguous(), taps, weights).transpose(0, 1)
    return _resampled(narrow.contiguous(), taps, weights).float()


def normalise_bgr(resized_rgb: Tensor) -> Tensor:
    """(B, 224, 224, 3) RGB grey levels -> (B, 3, 224, 224) float32 network input, BGR."""
    bgr = resized_rgb.flip(-1).permute(0, 3, 1, 2) / 255.0
    mean = torch.tensor(_MEAN, device=bgr.device)[:, None, None]
    deviation = torch.tensor(_DEVIATION, device=bgr.device)[:, None, None]
    return ((bgr - mean) / deviation).contiguous()


def triangle_weights(side: int) -> NDArray[np.float64]:
    """(224, side) float64 weights of the antialiased triangle filter; rows sum to about one."""
    scale = side / CROP_SIDE
    reach = max(scale, 1.0)
    centres = (np.arange(CROP_SIDE) + 0.5) * scale
    # Taps outside floor(centre - reach + 1/2) .. floor(centre + reach + 1/2) count for nothing.
    first = np.floor(centres - reach + 0.5)[:, None]
    last = np.floor(centres + reach + 0.5)[:, None]
    taps = np.arange(side)[None]
    weights = np.maximum(0.0, 1.0 - np.abs(taps + 0.5 - centres[:, None]) / reach)
    weights[(taps < first) | (taps >= last)] = 0.0
    normalised = weights / weights.sum(axis=1, keepdims=True)
    rounded: NDArray[np.float64] = np.floor(normalised * _ONE + 0.5) / _ONE
    return rounded


@lru_cache(maxsize=_SIZES_KEPT)
def triangle_taps(side: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The few pixels that count for each output pixel: (224, T) places and their weights."""
    dense = triangle_weights(side)
    most = int((dense != 0.0).sum(axis=1).max())
    first = np.minimum((dense != 0.0).argmax(axis=1), side - most)
    taps = first[:, None] + np.arange(most)
    return taps, np.take_along_axis(dense, taps, axis=1)


def _resampled(pixels: Tensor, taps: Tensor, weights: Tensor) -> Tensor:
    """(N, M, 3) -> (224, M, 3) whole grey levels, uint8; one tap after the other saves memory."""
    total = torch.zeros(len(taps), *pixels.shape[1:], dtype=torch.float64, device=pixels.device)
    for tap, weight in zip(taps.T, weights.T, strict=True):
        total.addcmul_(pixels[tap].double(), weight[:, None, None])
    return _whole(total).to(torch.uint8)


def _whole(values: Tensor) -> Tensor:
    return torch.floor(values + 0.5).clamp(0.0, 255.0)
