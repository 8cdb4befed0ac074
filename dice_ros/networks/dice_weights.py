"""DICE's weights: converted once from the published file, loaded at every start.

Converted files hold the live tensors under their published names; the dead fifth of the published
file is left behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from dice_ros.body.dice_bodies import TemplatePoints
from dice_ros.checkpoints.dice_weights import select_live
from dice_ros.checkpoints.module_tensors import read_network_tensors
from dice_ros.checkpoints.synthetic_mark import SYNTHETIC_MARK
from dice_ros.checkpoints.weights_file import WeightsOrigin, read_weights, write_weights
from dice_ros.errors import AssetError, CheckpointError, OutputError
from dice_ros.file_hash import file_sha256
from dice_ros.networks.conversion_report import ConversionReport
from dice_ros.networks.dice import DiceConfig, DiceNetwork, DiceTemplate
from dice_ros.networks.dice_config import empty_network, infer_config, published_shapes
from dice_ros.networks.dice_names import names_by_published

FILE_NAME = "dice.safetensors"
NETWORK = "dice"

_Tensors = dict[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True, eq=False)
class DiceWeights:
    """A network with its weights.

    Attributes:
        network: in evaluation mode, on the CPU, float32.
        config: its widths.
        synthetic: the weights are random.
        source_sha256: of the file they were converted from.
    """

    network: DiceNetwork
    config: DiceConfig
    synthetic: bool
    source_sha256: str


def convert_dice(source: Path, target: Path) -> ConversionReport:
    """Convert the published checkpoint, executing nothing of it.

    Args:
        source: a pickled module or a ``state_dict``, as ``torch.save`` wrote it.
        target: the safetensors file to write; replaced if it exists.

    Raises:
        CheckpointError: the file is damaged, unsafe, or holds another network; the message names
            what was found.
        OutputError: the target is the source, or cannot be written.
    """
    if target.exists() and source.exists() and target.samefile(source):
        raise OutputError(f"{target} is the file to convert: name another one to write to")
    live, report = _read_checkpoint(source)
    origin = WeightsOrigin(file_sha256(source), report.synthetic, {"network": NETWORK})
    write_weights(target, live, origin)
    return report


def check_checkpoint(source: Path) -> ConversionReport:
    """What :func:`convert_dice` would do with a published checkpoint, writing nothing.

    Raises:
        CheckpointError: as :func:`convert_dice`.
    """
    return _read_checkpoint(source)[1]


def check_dice(path: Path) -> WeightsOrigin:
    """Compare a converted file with DICE, tensor by tensor, without making a network.

    Raises:
        CheckpointError: as :func:`load_dice`.
    """
    return _read_converted(path)[1]


def load_dice(path: Path, template: TemplatePoints) -> DiceWeights:
    """Load a converted file into a network.

    Args:
        path: made by :func:`convert_dice`.
        template: constant input of the network.

    Raises:
        CheckpointError: the file is missing or damaged, or its tensors do not make a DICE network
            or hold NaN.
    """
    live, origin = _read_converted(path)
    config = infer_config(_shapes(live))
    network = empty_network(config)
    state = {
        name: torch.from_numpy(live[published])
        for published, name in names_by_published(network.state_dict()).items()
    }
    network.load_state_dict(state, strict=True, assign=True)
    network.template = template_tensors(template).centred()
    return DiceWeights(
        network.eval().requires_grad_(False), config, origin.synthetic, origin.source_sha256
    )


def template_tensors(points: TemplatePoints) -> DiceTemplate:
    """The template as the network takes it."""
    return DiceTemplate(
        torch.from_numpy(points.hand_joints),
        torch.from_numpy(points.face_landmarks),
        torch.from_numpy(points.hand_vertices),
        torch.from_numpy(points.head_vertices),
    )


def _read_checkpoint(source: Path) -> tuple[_Tensors, ConversionReport]:
    tensors = read_network_tensors(source)
    synthetic = tensors.pop(SYNTHETIC_MARK, None) is not None
    try:
        live = _live_float32(tensors)
    except AssetError as error:
        raise CheckpointError(f"{source}: {error}") from error
    return live, ConversionReport(
        tensors=len(live),
        parameters=sum(array.size for array in live.values()),
        dropped=len(tensors) - len(live),
        synthetic=synthetic,
    )


def _read_converted(path: Path) -> tuple[_Tensors, WeightsOrigin]:
    weights = read_weights(path, require_finite=False)
    network_name = weights.origin.config.get("network")
    if network_name != NETWORK:
        raise CheckpointError(
            f"{path} holds weights of the network {network_name!r}, expected {NETWORK!r}"
        )
    try:
        return _live_float32(weights.tensors), weights.origin
    except AssetError as error:
        raise CheckpointError(f"{path}: {error}; run `dice-ros convert dice` again") from error


def _live_float32(tensors: Mapping[str, NDArray[np.generic]]) -> _Tensors:
    """Live tensors, checked by name and shape; half precision is widened."""
    expected = published_shapes(infer_config(_shapes(tensors)))
    live = select_live(tensors, expected)
    return {
        name: array.astype(np.float32, copy=False) if array.dtype.kind == "f" else array
        for name, array in live.items()
    }


def _shapes(tensors: Mapping[str, NDArray[np.generic]]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(array.shape) for name, array in tensors.items()}
