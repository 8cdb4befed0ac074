"""Widths of an InterWild network, given or read off the shapes of its tensors.

So no checkpoint needs a configuration beside it, and narrow networks load like the published one.
Names here are the published ones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from dice_ros.errors import AssetError
from dice_ros.networks.resnet import RESNET_18, RESNET_50, ResNetConfig

Shape = tuple[int, ...]

_BODY, _HAND, _TRANSLATION = "body_backbone", "hand_roi_net.backbone", "hand_trans_net.backbone"
# Published: at most 6. Each costs memory and time before its tensors are even looked for.
_MAX_BLOCKS = 64


@dataclass(frozen=True, slots=True)
class InterWildConfig:
    """Widths; the defaults are the published ones.

    Attributes:
        body: backbone that finds the hands.
        hand: backbone that reads one hand.
        translation: residual stages of the network that relates both hands; its stem is unused.
        box_width: channels of the map that boxes are read from.
        pose_width: image features that a joint's rotation is read from.
    """

    body: ResNetConfig = RESNET_50
    hand: ResNetConfig = RESNET_50
    translation: ResNetConfig = RESNET_18
    box_width: int = 256
    pose_width: int = 512


def small_config() -> InterWildConfig:
    """A narrow network with everything the published one has, for tests and tryouts."""
    return InterWildConfig(
        body=ResNetConfig(bottlenecks=True, width=8, blocks=(1, 1, 1, 1)),
        hand=ResNetConfig(bottlenecks=True, width=8, blocks=(1, 1, 1, 1)),
        translation=ResNetConfig(bottlenecks=False, width=8, blocks=(1, 1, 1, 1)),
        box_width=16,
        pose_width=16,
    )


def infer_config(shapes: Mapping[str, Shape]) -> InterWildConfig:
    """The configuration that gives tensors of these shapes.

    Args:
        shapes: shape of every tensor by its published name; further names are ignored.

    Raises:
        AssetError: a tensor that tells a width is missing or has the wrong number of dimensions.
    """
    return InterWildConfig(
        body=_resnet(shapes, _BODY, bottlenecks=True),
        hand=_resnet(shapes, _HAND, bottlenecks=True),
        translation=_resnet(shapes, _TRANSLATION, bottlenecks=False),
        box_width=_rows(shapes, "body_box_net.rhand_size.0.weight", 2),
        pose_width=_rows(shapes, "hand_rotation_net.conv.0.weight", 4),
    )


def _resnet(shapes: Mapping[str, Shape], prefix: str, *, bottlenecks: bool) -> ResNetConfig:
    counts = [_blocks(shapes, f"{prefix}.layer{stage}") for stage in (1, 2, 3, 4)]
    return ResNetConfig(
        bottlenecks=bottlenecks,
        width=_rows(shapes, f"{prefix}.conv1.weight", 4),
        blocks=(counts[0], counts[1], counts[2], counts[3]),
    )


def _blocks(shapes: Mapping[str, Shape], prefix: str) -> int:
    pattern = re.compile(re.escape(prefix) + r"\.(\d{1,9})\.")
    numbers = {int(match[1]) for match in map(pattern.match, shapes) if match}
    if not numbers or len(numbers) > _MAX_BLOCKS or max(numbers) + 1 != len(numbers):
        raise AssetError(
            f"{prefix} has {len(numbers)} blocks, expected 1 to {_MAX_BLOCKS} numbered from 0 "
            "without gaps: these are not the weights of InterWild"
        )
    return len(numbers)


def _rows(shapes: Mapping[str, Shape], name: str, dimensions: int) -> int:
    shape = shapes.get(name)
    if shape is None or len(shape) != dimensions or not shape[0]:
        raise AssetError(
            f"tensor {name!r} is {'missing' if shape is None else shape}, expected {dimensions} "
            "dimensions: these are not the weights of InterWild"
        )
    return shape[0]
