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
from dice_ros.checkpoints.weights_file import WeightsOrigin
from dice_ros.networks.conversion_report import ConversionReport
from dice_ros.networks.dice import DiceConfig, DiceNetwork, DiceTemplate
from dice_ros.networks.dice_config import empty_network, infer_config, published_shapes
from dice_ros.networks.dice_names import names_by_published
from dice_ros.networks.weights_conversion import WeightsConversion, shapes_of

FILE_NAME = "dice.safetensors"
NETWORK = "dice"


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
    return _CONVERSION.convert(source, target)


def check_checkpoint(source: Path) -> ConversionReport:
    """What :func:`convert_dice` would do with a published checkpoint, writing nothing.

    Raises:
        CheckpointError: as :func:`convert_dice`.
    """
    return _CONVERSION.read_checkpoint(source)[1]


def check_dice(path: Path) -> WeightsOrigin:
    """Compare a converted file with DICE, tensor by tensor, without making a network.

    Raises:
        CheckpointError: as :func:`load_dice`.
    """
    return _CONVERSION.read_converted(path)[1]


def load_dice(path: Path, template: TemplatePoints) -> DiceWeights:
    """Load a converted file into a network.

    Args:
        path: made by :func:`convert_dice`.
        template: constant input of the network.

    Raises:
        CheckpointError: the file is missing or damaged, or its tensors do not make a DICE network
            or hold NaN.
    """
    live, origin = _CONVERSION.read_converted(path)
    config = infer_config(shapes_of(live))
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


def _select(tensors: Mapping[str, NDArray[np.generic]]) -> Mapping[str, NDArray[np.generic]]:
    return select_live(tensors, published_shapes(infer_config(shapes_of(tensors))))


_CONVERSION = WeightsConversion(NETWORK, _select)
