"""Reproducible random weights: for parity tests, tryouts and engines without the published file.

A counter-based generator keyed by the tensor's name gives every tensor the same numbers on every
machine, whatever else is drawn. Gains keep activations of a deep network in a sane range. This is
the recipe that the golden numbers in ``test/data`` were made with.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
from numpy.typing import NDArray

from dice_ros.checkpoints.dice_weights import is_dead

_STAGE_GAIN, _ATTENTION_GAIN = 0.5, 1.5


def seeded_normal(seed: str, tag: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Standard normal numbers that depend on ``seed`` and ``tag`` alone."""
    return seeded_generator(seed, tag).standard_normal(shape)


def seeded_generator(seed: str, tag: str) -> np.random.Generator:
    """The generator behind a tag."""
    key = int(hashlib.sha256((seed + tag).encode()).hexdigest()[:16], 16)
    return np.random.Generator(np.random.Philox(key=key))


def seeded_tensor(seed: str, name: str, shape: tuple[int, ...]) -> NDArray[np.generic]:
    """One tensor of DICE.

    Args:
        seed: any text.
        name: published name; decides the distribution.
        shape: its shape.

    Returns:
        float32, or int64 for the counters of batch norms.
    """
    if name.endswith("num_batches_tracked"):
        return np.zeros(shape, dtype=np.int64)
    if is_dead(name):
        return np.zeros(shape, dtype=np.float32)
    x = seeded_normal(seed, name, shape)
    if name.endswith(("running_mean", "bias")):
        return (0.01 * x).astype(np.float32)
    if name.endswith("running_var"):
        return (1.0 + 0.02 * np.abs(x)).astype(np.float32)
    if name.endswith("embeddings.weight"):
        return (0.5 * x).astype(np.float32)
    if len(shape) < 2:
        return (1.0 + 0.02 * x).astype(np.float32)
    return (_gain(name) * x / math.sqrt(math.prod(shape[1:]))).astype(np.float32)


def _gain(name: str) -> float:
    if "backbone.stage" in name:
        return _STAGE_GAIN
    if "attention.self.query." in name or "attention.self.key." in name:
        return _ATTENTION_GAIN
    return 1.0
