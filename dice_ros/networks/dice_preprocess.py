"""From image crops to DICE's input: antialiased resize, scaling, statistics, channel order.

The published code shrinks with a triangle filter that widens with the factor (antialiasing), in
two passes, columns first, with weights rounded to 22 bits and sums to whole grey levels. Both
passes are sums over the pixels that count, in whole numbers, where the network runs. **Channels
are BGR** while mean and deviation are those of RGB: that is how the published weights were trained.
B crops, N side of the cut.
"""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dice_ros.networks.dice import CROP_SIDE

_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)
_SIZES_KEPT = 8
_BITS = 22


def resize_square(pixels: Tensor, *, at_once: bool | None = None) -> Tensor:
    """Resize a square cut to 224 x 224 as the published code does.

    Args:
        pixels: (N, N, 3) uint8, where the sums are to be computed.
        at_once: sum all pixels in one operation, where launching an operation costs more than
            memory; False adds one pixel after the other; None decides by the device. Both give the
            same numbers.

    Returns:
        (224, 224, 3) float32, whole numbers 0..255, channels as they came.
    """
    side, device = pixels.shape[0], pixels.device
    if side == CROP_SIDE:
        return pixels.float()
    taps, weights = (torch.from_numpy(array).to(device) for array in triangle_taps(side))
    resample = _at_once if (pixels.is_cuda if at_once is None else at_once) else _one_by_one
    # Columns first: (N, N, 3) -> (N, 224, 3) -> (224, 224, 3).
    narrow = resample(pixels.transpose(0, 1), taps, weights).transpose(0, 1)
    return resample(narrow, taps, weights).float()


def normalise_bgr(resized_rgb: Tensor) -> Tensor:
    """(B, 224, 224, 3) RGB grey levels -> (B, 3, 224, 224) float32 network input, BGR."""
    bgr = resized_rgb.flip(-1).permute(0, 3, 1, 2) / 255.0
    mean, deviation = _statistics(bgr.device)
    return ((bgr - mean) / deviation).contiguous()


@cache
def _statistics(device: torch.device) -> tuple[Tensor, Tensor]:
    """(3, 1, 1) mean and deviation: copied to a device once."""
    with torch.inference_mode(mode=False):
        mean, deviation = (torch.tensor(values)[:, None, None] for values in (_MEAN, _DEVIATION))
        return mean.to(device), deviation.to(device)


@lru_cache(maxsize=_SIZES_KEPT)
def triangle_taps(side: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The antialiased triangle filter from N pixels to 224.

    Returns:
        (224, T) pixels that count for each output pixel, and their weights in 2^-22; rows sum to
        about one.
    """
    scale = side / CROP_SIDE
    reach = max(scale, 1.0)
    centres = (np.arange(CROP_SIDE) + 0.5) * scale
    # Pixels outside floor(centre - reach + 1/2) .. floor(centre + reach + 1/2) count for nothing.
    first = np.maximum(np.floor(centres - reach + 0.5), 0).astype(np.int64)
    last = np.minimum(np.floor(centres + reach + 0.5), side).astype(np.int64)
    most = int((last - first).max())
    taps = np.minimum(first, side - most)[:, None] + np.arange(most)
    weights = np.maximum(0.0, 1.0 - np.abs(taps + 0.5 - centres[:, None]) / reach)
    weights[(taps < first[:, None]) | (taps >= last[:, None])] = 0.0
    normalised = weights / weights.sum(axis=1, keepdims=True)
    return taps, np.floor(normalised * (1 << _BITS) + 0.5).astype(np.int32)


def _one_by_one(pixels: Tensor, taps: Tensor, weights: Tensor) -> Tensor:
    """(N, M, 3) -> (224, M, 3) whole grey levels, uint8."""
    pixels = pixels.contiguous()
    # Sums stay below 2^31: 255 times weights that add up to 2^22.
    total = torch.zeros(len(taps), *pixels.shape[1:], dtype=torch.int32, device=pixels.device)
    for tap, weight in zip(taps.T, weights.T, strict=True):
        total.addcmul_(pixels[tap].int(), weight[:, None, None])
    return _rounded(total)


def _at_once(pixels: Tensor, taps: Tensor, weights: Tensor) -> Tensor:
    """The same with one gathering, one product and one sum."""
    gathered = pixels[taps].int() * weights[:, :, None, None]  # (224, T, M, 3)
    return _rounded(gathered.sum(dim=1, dtype=torch.int32))


def _rounded(total: Tensor) -> Tensor:
    return ((total + (1 << (_BITS - 1))) >> _BITS).clamp(0, 255).to(torch.uint8)
