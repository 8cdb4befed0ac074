"""HRNet: a convolutional network that keeps a high resolution beside ever lower ones.

Wang et al. 2020, "Deep High-Resolution Representation Learning for Visual Recognition": four
stages, each adding a branch of half the resolution and twice the channels; all branches exchange
what they know at the end of every module. The classification variant ends by folding the branches
into one map of 1/32 of the image, which is what DICE reads.

Names of modules are those of the published weights. B images, C channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from dice_ros.networks.residual_blocks import (
    EXPANSION,
    BasicBlock,
    Bottleneck,
    conv1x1,
    conv3x3,
)

_BRANCHES = 4
_BLOCKS_A_BRANCH = 4
_STEM_CHANNELS = 64
_STEM_BOTTLENECKS = 4


@dataclass(frozen=True, slots=True)
class HRNetConfig:
    """Size of the network.

    Attributes:
        width: channels of the finest branch; the others double it.
        modules: exchange modules in stages 2, 3 and 4.
        out_channels: channels of the feature map.
    """

    width: int = 64
    modules: tuple[int, int, int] = (1, 4, 3)
    out_channels: int = 2048


class HRNet(nn.Module):
    """Image to feature map.

    Args:
        config: size; the default is HRNet-W64.
    """

    def __init__(self, config: HRNetConfig | None = None) -> None:
        super().__init__()
        config = config or HRNetConfig()
        widths = [config.width << branch for branch in range(_BRANCHES)]
        self.conv1 = conv3x3(3, _STEM_CHANNELS, stride=2)
        self.bn1 = nn.BatchNorm2d(_STEM_CHANNELS)
        self.conv2 = conv3x3(_STEM_CHANNELS, _STEM_CHANNELS, stride=2)
        self.bn2 = nn.BatchNorm2d(_STEM_CHANNELS)
        stem_out = _STEM_CHANNELS * EXPANSION
        self.layer1 = nn.Sequential(
            *(
                Bottleneck(_STEM_CHANNELS if first else stem_out, _STEM_CHANNELS)
                for first in (True, *(False,) * (_STEM_BOTTLENECKS - 1))
            )
        )
        self.transition1 = nn.ModuleList(
            [
                _conv_bn_relu(stem_out, widths[0]),
                nn.Sequential(_conv_bn_relu(stem_out, widths[1], stride=2)),
            ]
        )
        self.stage2 = _stage(widths[:2], config.modules[0])
        self.transition2 = _added_branch(widths[:3])
        self.stage3 = _stage(widths[:3], config.modules[1])
        self.transition3 = _added_branch(widths)
        self.stage4 = _stage(widths, config.modules[2])
        self.incre_modules = nn.ModuleList(
            [
                nn.Sequential(Bottleneck(width, width_out))
                for width, width_out in zip(widths, _tail_widths(config.width), strict=True)
            ]
        )
        tail = [EXPANSION * width for width in _tail_widths(config.width)]
        self.downsamp_modules = nn.ModuleList(
            [_conv_bn_relu(fine, coarse, stride=2, bias=True) for fine, coarse in pairwise(tail)]
        )
        self.final_layer = nn.Sequential(
            nn.Conv2d(tail[-1], config.out_channels, kernel_size=1),
            nn.BatchNorm2d(config.out_channels),
            nn.ReLU(inplace=True),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Compute the feature map.

        Args:
            image: (B, 3, H, W) float32, normalised; H and W multiples of 32.

        Returns:
            (B, out_channels, H / 32, W / 32) float32, >= 0.
        """
        x = torch.relu(self.bn1(self.conv1(image)))
        x = torch.relu(self.bn2(self.conv2(x)))
        x = self.layer1(x)
        branches = [transition(x) for transition in self.transition1]
        branches = _run_stage(self.stage2, branches)
        branches.append(self.transition2[-1](branches[-1]))
        branches = _run_stage(self.stage3, branches)
        branches.append(self.transition3[-1](branches[-1]))
        branches = _run_stage(self.stage4, branches)
        x = self.incre_modules[0](branches[0])
        for down, widen, branch in zip(
            self.downsamp_modules, self.incre_modules[1:], branches[1:], strict=True
        ):
            x = widen(branch) + down(x)
        features: Tensor = self.final_layer(x)
        return features


class ExchangeModule(nn.Module):
    """Blocks on every branch, then every branch receives the sum of all, brought to its size."""

    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            [
                nn.Sequential(*(BasicBlock(width, width) for _ in range(_BLOCKS_A_BRANCH)))
                for width in widths
            ]
        )
        self.fuse_layers = nn.ModuleList(
            [
                nn.ModuleList([_bridge(widths, source, target) for source in range(len(widths))])
                for target in range(len(widths))
            ]
        )

    def forward(self, branches: list[Tensor]) -> list[Tensor]:
        """Same shapes in and out, finest first."""
        worked = [run(x) for run, x in zip(self.branches, branches, strict=True)]
        fused = []
        for bridges in self.fuse_layers:
            assert isinstance(bridges, nn.ModuleList)
            total = bridges[0](worked[0])
            for bridge, x in zip(bridges[1:], worked[1:], strict=True):
                total = total + bridge(x)
            fused.append(torch.relu(total))
        return fused


def _run_stage(modules: nn.Sequential, branches: list[Tensor]) -> list[Tensor]:
    for module in modules:
        branches = module(branches)
    return branches


def _stage(widths: list[int], modules: int) -> nn.Sequential:
    return nn.Sequential(*(ExchangeModule(widths) for _ in range(modules)))


def _added_branch(widths: list[int]) -> nn.ModuleList:
    """Transition that keeps all branches and derives one more from the coarsest."""
    kept = [nn.Identity() for _ in widths[:-1]]
    return nn.ModuleList([*kept, nn.Sequential(_conv_bn_relu(widths[-2], widths[-1], stride=2))])


def _bridge(widths: list[int], source: int, target: int) -> nn.Module:
    """Bring one branch to the size and width of another."""
    if source == target:
        return nn.Identity()
    if source > target:
        return nn.Sequential(
            conv1x1(widths[source], widths[target]),
            nn.BatchNorm2d(widths[target]),
            nn.Upsample(scale_factor=float(1 << (source - target)), mode="nearest"),
        )
    steps: list[nn.Module] = [
        _conv_bn_relu(widths[source], widths[source], stride=2) for _ in range(target - source - 1)
    ]
    last = nn.Sequential(
        conv3x3(widths[source], widths[target], stride=2), nn.BatchNorm2d(widths[target])
    )
    return nn.Sequential(*steps, last)


def _tail_widths(width: int) -> list[int]:
    """Inner widths of the bottlenecks behind stage 4; half of the branch's."""
    return [width << branch >> 1 for branch in range(_BRANCHES)]


def _conv_bn_relu(
    in_channels: int, out_channels: int, stride: int = 1, bias: bool = False
) -> nn.Sequential:
    return nn.Sequential(
        conv3x3(in_channels, out_channels, stride, bias),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )
