"""From a published checkpoint to a converted file and back, whichever network it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from dice_ros.checkpoints.module_tensors import read_network_tensors
from dice_ros.checkpoints.synthetic_mark import SYNTHETIC_MARK
from dice_ros.checkpoints.weights_file import WeightsOrigin, read_weights, write_weights
from dice_ros.errors import AssetError, CheckpointError, OutputError
from dice_ros.file_hash import file_sha256
from dice_ros.networks.conversion_report import ConversionReport

Tensors: TypeAlias = dict[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class WeightsConversion:
    """How the weights of one network are converted and read.

    Attributes:
        network: its name, kept in converted files and part of the command that makes them.
        select: of all tensors those that are used, checked by name and shape; raises AssetError.
    """

    network: str
    select: Callable[[Mapping[str, NDArray[np.generic]]], Mapping[str, NDArray[np.generic]]]

    def convert(self, source: Path, target: Path) -> ConversionReport:
        """Write the converted file.

        Raises:
            CheckpointError: the source is damaged, unsafe, or holds another network.
            OutputError: the target is the source, or cannot be written.
        """
        if target.exists() and source.exists() and target.samefile(source):
            raise OutputError(f"{target} is the file to convert: name another one to write to")
        live, report = self.read_checkpoint(source)
        origin = WeightsOrigin(file_sha256(source), report.synthetic, {"network": self.network})
        write_weights(target, live, origin)
        return report

    def read_checkpoint(self, source: Path) -> tuple[Tensors, ConversionReport]:
        """Live tensors of a published checkpoint.

        Raises:
            CheckpointError: as :meth:`convert`.
        """
        tensors = read_network_tensors(source)
        synthetic = tensors.pop(SYNTHETIC_MARK, None) is not None
        try:
            live = self._live_float32(tensors)
        except AssetError as error:
            raise CheckpointError(f"{source}: {error}") from error
        return live, ConversionReport(
            tensors=len(live),
            parameters=sum(array.size for array in live.values()),
            dropped=len(tensors) - len(live),
            synthetic=synthetic,
        )

    def read_converted(self, path: Path) -> tuple[Tensors, WeightsOrigin]:
        """Live tensors of a converted file.

        Raises:
            CheckpointError: missing, damaged, or of another network.
        """
        weights = read_weights(path, require_finite=False)
        network_name = weights.origin.config.get("network")
        if network_name != self.network:
            raise CheckpointError(
                f"{path} holds weights of the network {network_name!r}, expected {self.network!r}"
            )
        try:
            return self._live_float32(weights.tensors), weights.origin
        except AssetError as error:
            raise CheckpointError(
                f"{path}: {error}; run `dice-ros convert {self.network}` again"
            ) from error

    def _live_float32(self, tensors: Mapping[str, NDArray[np.generic]]) -> Tensors:
        """Half precision is widened."""
        return {
            name: array.astype(np.float32, copy=False) if array.dtype.kind == "f" else array
            for name, array in self.select(tensors).items()
        }


def shapes_of(tensors: Mapping[str, NDArray[np.generic]]) -> dict[str, tuple[int, ...]]:
    """Shape of every tensor by its name."""
    return {name: tuple(array.shape) for name, array in tensors.items()}
