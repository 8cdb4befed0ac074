"""Reading the widths of a DICE network off the shapes of its tensors.

So no checkpoint needs a configuration beside it, and narrower networks load like the published
one. Names here are the published ones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch

from dice_ros.errors import AssetError
from dice_ros.networks.dice import (
    CROP_SIDE,
    FACE_LANDMARKS,
    HAND_COARSE,
    HAND_JOINTS,
    HEAD_COARSE,
    DiceConfig,
    DiceNetwork,
    DiceTemplate,
)
from dice_ros.networks.dice_names import names_by_published
from dice_ros.networks.hrnet import HRNetConfig
from dice_ros.networks.mesh_transformer import HEADS, BlockConfig

Shape = tuple[int, ...]

# Published: at most 4 of a kind. Each costs memory and time before its tensors are even looked for.
_MAX_COUNT = 64


def infer_config(shapes: Mapping[str, Shape]) -> DiceConfig:
    """The configuration that gives tensors of these shapes.

    Args:
        shapes: shape of every tensor by its published name; further names are ignored.

    Raises:
        AssetError: a tensor that tells a width is missing or has the wrong number of dimensions.
    """
    modules = [_count(shapes, rf"backbone\.stage{stage}\.(\d+)\.") for stage in (2, 3, 4)]
    return DiceConfig(
        backbone=HRNetConfig(
            width=_size(shapes, "backbone.transition1.0.0.weight", 0, 4),
            modules=(modules[0], modules[1], modules[2]),
            out_channels=_size(shapes, "backbone.final_layer.0.weight", 0, 4),
        ),
        mesh_blocks=_blocks(shapes, "trans_encoder"),
        interaction_blocks=_blocks(shapes, "deform_encoder"),
        interaction_width=_size(shapes, "feat_downsampler.weight", 0, 2),
        ik_width=_size(shapes, "hand_param_regressor.regressor.3.weight", 1, 2),
    )


def published_shapes(config: DiceConfig) -> dict[str, Shape]:
    """Shape of every live tensor of a network by its published name, without making any.

    Raises:
        AssetError: no network has these widths.
    """
    try:
        state = empty_network(config).state_dict()
    except (RuntimeError, ValueError, OverflowError, TypeError, ArithmeticError) as error:
        raise AssetError(
            f"these are not the weights of DICE: no network has their widths ({error})"
        ) from error
    return {
        published: tuple(state[name].shape) for published, name in names_by_published(state).items()
    }


def empty_network(config: DiceConfig, template: DiceTemplate | None = None) -> DiceNetwork:
    """A network without weights (on the ``meta`` device), to be filled by assignment."""
    counts = (HAND_JOINTS, FACE_LANDMARKS, HAND_COARSE, HEAD_COARSE)
    points = template or DiceTemplate(*(torch.zeros(count, 3) for count in counts))
    with torch.device("meta"):
        network = DiceNetwork(config, points)
    return network.eval()


def small_config() -> DiceConfig:
    """A narrow network with everything the published one has, for tests and tryouts."""
    return DiceConfig(
        backbone=HRNetConfig(width=8, modules=(1, 1, 1), out_channels=64),
        mesh_blocks=(
            BlockConfig(67, 32, 32, layers=1, feed_forward=64),
            BlockConfig(32, 16, 3, layers=1, feed_forward=64),
        ),
        interaction_blocks=(BlockConfig(32, 16, 4, layers=1, feed_forward=64),),
        interaction_width=32,
        ik_width=64,
    )


def _blocks(shapes: Mapping[str, Shape], net: str) -> tuple[BlockConfig, ...]:
    blocks = []
    for number in range(1, _count(shapes, rf"{net}\.layer(\d+)\.", first=1) + 1):
        prefix = f"{net}.layer{number}."
        pattern = re.escape(prefix) + r"bert\.encoder\.layer\.(\d+)\."
        blocks.append(
            BlockConfig(
                in_features=_size(shapes, prefix + "bert.img_embedding.weight", 1, 2),
                hidden=_hidden(shapes, prefix + "bert.img_embedding.weight"),
                out_features=_size(shapes, prefix + "cls_head.weight", 0, 2),
                layers=_count(shapes, pattern),
                feed_forward=_size(
                    shapes, prefix + "bert.encoder.layer.0.intermediate.dense.weight", 0, 2
                ),
            )
        )
    return tuple(blocks)


def _hidden(shapes: Mapping[str, Shape], name: str) -> int:
    """Width of a block's layers. No shape tells the number of heads: it is the published one."""
    hidden = _size(shapes, name, 0, 2)
    if hidden == 0 or hidden % HEADS:
        raise AssetError(
            f"tensor {name!r} has {hidden} rows, expected a multiple of {HEADS} for the {HEADS} "
            "heads of DICE: the file does not hold its weights"
        )
    return hidden


def _count(shapes: Mapping[str, Shape], pattern: str, first: int = 0) -> int:
    """Numbered modules that a pattern finds: at least one, numbered without gaps."""
    found = {match[1] for name in shapes if (match := re.match(pattern, name))}
    if not found:
        raise AssetError(
            f"these are not the weights of DICE: no tensor is named like {pattern!r} (published "
            f"names, e.g. backbone.stage2.0.branches.0.0.conv1.weight, for {CROP_SIDE} px crops)"
        )
    wanted = {str(first + number) for number in range(min(len(found), _MAX_COUNT))}
    if found != wanted:
        odd = min(found - wanted, key=len)
        raise AssetError(
            f"these are not the weights of DICE: {len(found)} parts are named like {pattern!r}, "
            f"expected at most {_MAX_COUNT}, numbered from {first} without gaps, and found "
            f"{odd[:20]!r}"
        )
    return len(found)


def _size(shapes: Mapping[str, Shape], name: str, axis: int, dimensions: int) -> int:
    shape = shapes.get(name)
    if shape is None:
        raise AssetError(f"these are not the weights of DICE: tensor {name!r} is missing")
    if len(shape) != dimensions:
        raise AssetError(
            f"tensor {name!r} has shape {shape}, expected {dimensions} dimensions: the file does "
            "not hold the weights of DICE"
        )
    return shape[axis]
