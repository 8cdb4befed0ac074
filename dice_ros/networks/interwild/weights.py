"""InterWild's published weights: converted once, then loaded into a network of the right widths.

Converted files hold the tensors under their published names. MANO's buffers, which some files
carry, are left behind: the hands come from the user's own MANO files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from dice_ros.body.mano_pair import ManoPair
from dice_ros.checkpoints.network_tensors import select_tensors, without_prefix
from dice_ros.checkpoints.weights_file import WeightsOrigin
from dice_ros.errors import AssetError
from dice_ros.networks.conversion_report import ConversionReport
from dice_ros.networks.interwild.config import InterWildConfig, Shape, infer_config
from dice_ros.networks.interwild.names import names_by_published
from dice_ros.networks.interwild.network import InterWildNetwork
from dice_ros.networks.weights_conversion import WeightsConversion, shapes_of

FILE_NAME = "interwild.safetensors"
NETWORK = "interwild"

_DEAD = re.compile(r"mano_layer_(?:right|left)\.")


@dataclass(frozen=True, slots=True, eq=False)
class InterWildWeights:
    """A network with its weights.

    Attributes:
        network: in evaluation mode, on the CPU, float32.
        config: its widths.
        synthetic: the weights are random.
        source_sha256: of the file they were converted from.
    """

    network: InterWildNetwork
    config: InterWildConfig
    synthetic: bool
    source_sha256: str


def convert_interwild(source: Path, target: Path) -> ConversionReport:
    """Convert the published checkpoint, executing nothing of it.

    Args:
        source: a dictionary with the ``state_dict`` under ``network``, or the ``state_dict``
            itself, as ``torch.save`` wrote it.
        target: the safetensors file to write; replaced if it exists.

    Raises:
        CheckpointError: the file is damaged, unsafe, or holds another network; the message names
            what was found.
        OutputError: the target is the source, or cannot be written.
    """
    return _CONVERSION.convert(source, target)


def check_interwild_checkpoint(source: Path) -> ConversionReport:
    """What :func:`convert_interwild` would do with a published checkpoint, writing nothing.

    Raises:
        CheckpointError: as :func:`convert_interwild`.
    """
    return _CONVERSION.read_checkpoint(source)[1]


def check_interwild(path: Path) -> WeightsOrigin:
    """Compare a converted file with InterWild, tensor by tensor, without making a network.

    Raises:
        CheckpointError: as :func:`load_interwild`.
    """
    return _CONVERSION.read_converted(path)[1]


def load_interwild(path: Path, hands: ManoPair) -> InterWildWeights:
    """Load a converted file into a network.

    Args:
        path: made by :func:`convert_interwild`.
        hands: what the network poses.

    Raises:
        CheckpointError: the file is missing or damaged, or its tensors do not make an InterWild
            network or hold NaN.
    """
    live, origin = _CONVERSION.read_converted(path)
    config = infer_config(shapes_of(live))
    network = empty_network(config, hands)
    names = names_by_published(network.state_dict())
    state = {names[published]: torch.from_numpy(array) for published, array in live.items()}
    network.load_state_dict(state, strict=True, assign=True)
    return InterWildWeights(
        network.eval().requires_grad_(False), config, origin.synthetic, origin.source_sha256
    )


def empty_network(config: InterWildConfig, hands: ManoPair) -> InterWildNetwork:
    """A network without weights (on the ``meta`` device, its hands apart), to be filled."""
    with torch.device("meta"):
        return InterWildNetwork(config, hands).eval()


def published_shapes(config: InterWildConfig) -> dict[str, Shape]:
    """Shape of every tensor of a network by its published name, without making any.

    Raises:
        AssetError: no network has these widths.
    """
    try:
        with torch.device("meta"):
            state = InterWildNetwork(config, None).state_dict()
    except (RuntimeError, ValueError, OverflowError, TypeError, ArithmeticError) as error:
        raise AssetError(
            f"these are not the weights of InterWild: no network has their widths ({error})"
        ) from error
    return {
        published: tuple(state[name].shape) for published, name in names_by_published(state).items()
    }


def _select(tensors: Mapping[str, NDArray[np.generic]]) -> Mapping[str, NDArray[np.generic]]:
    named = without_prefix(tensors)
    expected = published_shapes(infer_config(shapes_of(named)))
    return select_tensors(named, expected, lambda name: _DEAD.match(name) is not None)


_CONVERSION = WeightsConversion(NETWORK, _select)
