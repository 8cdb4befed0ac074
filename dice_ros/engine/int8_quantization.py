"""NNCF: finds how an OpenVINO model is best computed in int8; the one module that imports it."""

from __future__ import annotations

import importlib.util
import logging
from typing import Any

from torch import Tensor

from dice_ros.engine.protocol import EngineError

INSTALL = "pip install nncf"
_LEFT_IN_FLOAT = ["ScaledDotProductAttention"]
"""Softmax of 843 entries: int8 gains nothing there."""


def can_quantise() -> bool:
    """Whether NNCF is installed; it is not loaded for that."""
    return importlib.util.find_spec("nncf") is not None


def quantise(model: Any, pictures: Tensor) -> Any:
    """An OpenVINO model with int8 weights and activations.

    Weights are scaled by output channel, activations by tensor, in ranges seen on the pictures.

    Args:
        model: of one input.
        pictures: (N, ...) float32 inputs like those in use.

    Raises:
        EngineError: NNCF is missing, or cannot do it.
    """
    try:
        import nncf  # noqa: PLC0415 - optional, and takes seconds
    except ImportError as error:
        raise EngineError(f"int8 engines are made with NNCF ({error}): run `{INSTALL}`") from error
    nncf.set_log_level(logging.ERROR)
    try:
        return nncf.quantize(
            model,
            nncf.Dataset([picture[None].numpy() for picture in pictures]),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(pictures),
            model_type=nncf.ModelType.TRANSFORMER,
            ignored_scope=nncf.IgnoredScope(types=_LEFT_IN_FLOAT, validate=False),
        )
    except Exception as error:  # its own errors have nothing else in common
        raise EngineError(f"NNCF cannot quantise the network: {error}") from error
