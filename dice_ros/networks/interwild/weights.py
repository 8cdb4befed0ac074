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
from dice_ros.checkpoints.module_tensors import read_network_tensors
from dice_ros.checkpoints.network_tensors import select_tensors, without_prefix
from dice_ros.checkpoints.synthetic_mark import SYNTHETIC_MARK
from dice_ros.checkpoints.weights_file import WeightsOrigin, read_weights, write_weights
from dice_ros.errors import AssetError, CheckpointError, OutputError
from dice_ros.file_hash import file_sha256
from dice_ros.networks.conversion_report import ConversionReport
from dice_ros.networks.interwild.config import InterWildConfig, Shape, infer_config
from dice_ros.networks.interwild.names import names_by_published
from dice_ros.networks.interwild.network import InterWildNetwork

FILE_NAME = "interwild.safetensors"
NETWORK = "interwild"

_DEAD = re.compile(r"mano_layer_(?:right|left)\.")
_Tensors = dict[str, NDArray[np.generic]]


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
    if target.exists() and source.exists() and target.samefile(source):
        raise OutputError(f"{target} is the file to convert: name another one to write to")
    live, report = _read_checkpoint(source)
    origin = WeightsOrigin(file_sha256(source), report.synthetic, {"network": NETWORK})
    write_weights(target, live, origin)
    return report


def check_interwild_checkpoint(source: Path) -> ConversionReport:
    """What :func:`convert_interwild` would do with a published checkpoint, writing nothing.

    Raises:
        CheckpointError: as :func:`convert_interwild`.
    """
    return _read_checkpoint(source)[1]


def check_interwild(path: Path) -> WeightsOrigin:
    """Compare a converted file with InterWild, tensor by tensor, without making a network.

    Raises:
        CheckpointError: as :func:`load_interwild`.
    """
    return _read_converted(path)[1]


def load_interwild(path: Path, hands: ManoPair) -> InterWildWeights:
    """Load a converted file into a network.

    Args:
        path: made by :func:`convert_interwild`.
        hands: what the network poses.

    Raises:
        CheckpointError: the file is missing or damaged, or its tensors do not make an InterWild
            network or hold NaN.
    """
    live, origin = _read_converted(path)
    config = infer_config(_shapes(live))
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
        raise CheckpointError(f"{path}: {error}; run `dice-ros convert interwild` again") from error


def _live_float32(tensors: Mapping[str, NDArray[np.generic]]) -> _Tensors:
    """Tensors that are used, checked by name and shape; half precision is widened."""
    named = without_prefix(tensors)
    expected = published_shapes(infer_config(_shapes(named)))
    live = select_tensors(named, expected, lambda name: _DEAD.match(name) is not None)
    return {
        name: array.astype(np.float32, copy=False) if array.dtype.kind == "f" else array
        for name, array in live.items()
    }


def _shapes(tensors: Mapping[str, NDArray[np.generic]]) -> dict[str, Shape]:
    return {name: tuple(array.shape) for name, array in tensors.items()}
