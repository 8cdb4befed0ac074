"""Runs DICE on crops: the one module of this estimator that handles tensors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from dice_ros.engine.protocol import MAX_BATCH, EngineError
from dice_ros.engine.resilient import ResilientEngine
from dice_ros.errors import EstimationError
from dice_ros.estimators.dice.crop_meshes import CropMeshes
from dice_ros.networks.dice import PRESENCE_THRESHOLD
from dice_ros.networks.dice_graph import DiceReading
from dice_ros.networks.dice_preprocess import normalise_bgr, resize_square
from dice_ros.perception.interaction_crop import ImageCut


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
    def run(self, cuts: Sequence[ImageCut]) -> list[CropMeshes]:
        """Meshes of some crops, computed in batches as large as engines are built for.

        Args:
            cuts: RGB; left hands mirrored.

        Raises:
            EstimationError: a number of the result is NaN or infinite, or even the plain engine
                failed.
        """
        found: list[CropMeshes] = []
        for start in range(0, len(cuts), MAX_BATCH):
            found += self._run(cuts[start : start + MAX_BATCH])
        return found

    def _run(self, cuts: Sequence[ImageCut]) -> list[CropMeshes]:
        device = self._engine.device
        try:
            resized = torch.stack([resize_square(_square(cut, device)) for cut in cuts])
            found = _split(self._engine.run(normalise_bgr(resized)))
        except (EngineError, RuntimeError) as error:  # a lost GPU fails anywhere
            raise EstimationError("engine_failed", str(error)) from error
        for meshes in found:
            if not meshes.is_finite():
                raise EstimationError(
                    "non_finite_output",
                    "the network's output holds NaN or infinity: the weights are damaged, or the "
                    "precision is too low for them; check them with `dice-ros doctor`",
                )
        return found


def _square(cut: ImageCut, device: torch.device) -> Tensor:
    """(N, N, 3) uint8: what lies in the image goes to the device, where black is put around."""
    pixels = torch.from_numpy(np.ascontiguousarray(cut.pixels)).to(device)
    height, width = cut.pixels.shape[:2]
    if (height, width) != (cut.side, cut.side):
        square = pixels.new_zeros(cut.side, cut.side, 3)
        square[cut.top : cut.top + height, cut.left : cut.left + width] = pixels
        pixels = square
    return pixels.flip(1) if cut.mirrored else pixels


def _split(reading: DiceReading) -> list[CropMeshes]:
    """One result a crop, on the CPU: all numbers come in one transfer."""
    count = len(reading.scale)
    packed = torch.cat([tensor.reshape(count, -1) for tensor in reading], dim=1).float()
    rows = np.split(packed.cpu().numpy(), np.cumsum(_widths(reading))[:-1], axis=1)
    arrays = {
        name: row.reshape(tensor.shape)
        for (name, tensor), row in zip(reading._asdict().items(), rows, strict=True)
    }
    scales, origins, presences = (arrays.pop(name) for name in ("scale", "shift", "presence"))
    # Not in the graph, where an engine's deformation could not be judged if nothing touches.
    arrays["deformation"] *= presences[:, :, None] > PRESENCE_THRESHOLD
    return [
        CropMeshes(
            pixels_per_metre=float(scales[i]),
            origin=origins[i],
            presence=float(presences[i, 0]),
            **{name: array[i] for name, array in arrays.items()},
        )
        for i in range(count)
    ]


def _widths(reading: DiceReading) -> list[int]:
    """Numbers a crop in each field."""
    return [tensor[0].numel() for tensor in reading]
