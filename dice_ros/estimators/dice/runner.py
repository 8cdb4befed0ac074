"""Runs DICE on crops: the one module of this estimator that handles tensors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dice_ros.engine.protocol import MAX_BATCH, EngineError
from dice_ros.engine.resilient import ResilientEngine
from dice_ros.errors import EstimationError
from dice_ros.estimators.dice.crop_meshes import CropMeshes
from dice_ros.networks.dice_graph import DiceReading
from dice_ros.networks.dice_preprocess import normalise_bgr, resize_square
from dice_ros.types import Float32Array


class DiceRunner:
    """Pre-processing on the engine's device, the engine, and arrays out; use from one thread.

    Args:
        engine: loaded.
    """

    def __init__(self, engine: ResilientEngine) -> None:
        self._engine = engine

    @property
    def engine(self) -> ResilientEngine:
        """The engine, for diagnostics."""
        return self._engine

    def close(self) -> None:
        """Free the engine; the runner cannot be used afterwards."""
        self._engine.close()

    @torch.inference_mode()
    def run(self, cuts: Sequence[NDArray[np.uint8]]) -> list[CropMeshes]:
        """Meshes of some crops, computed in batches as large as engines are built for.

        Args:
            cuts: (N, N, 3) uint8 RGB each; left hands mirrored.

        Raises:
            EstimationError: a number of the result is NaN or infinite, or even the plain engine
                failed.
        """
        found: list[CropMeshes] = []
        for start in range(0, len(cuts), MAX_BATCH):
            found += self._run(cuts[start : start + MAX_BATCH])
        return found

    def _run(self, cuts: Sequence[NDArray[np.uint8]]) -> list[CropMeshes]:
        device = self._engine.device
        resized = torch.stack([resize_square(cut, device) for cut in cuts])
        try:
            found = _split(self._engine.run(normalise_bgr(resized)))
        except EngineError as error:
            raise EstimationError("engine_failed", str(error)) from error
        for meshes in found:
            if not meshes.is_finite():
                raise EstimationError(
                    "non_finite_output",
                    "the network's output holds NaN or infinity: the weights are damaged, or the "
                    "precision is too low for them; check them with `dice-ros doctor`",
                )
        return found


def _split(reading: DiceReading) -> list[CropMeshes]:
    """One result a crop, on the CPU."""
    arrays = {name: _array(tensor) for name, tensor in reading._asdict().items()}
    scales, origins, presences = (arrays.pop(name) for name in ("scale", "shift", "presence"))
    return [
        CropMeshes(
            pixels_per_metre=float(scales[i]),
            origin=origins[i],
            presence=float(presences[i, 0]),
            **{name: array[i] for name, array in arrays.items()},
        )
        for i in range(len(scales))
    ]


def _array(tensor: Tensor) -> Float32Array:
    return tensor.float().cpu().numpy()
