"""ResNet: the residual network, as feature extractor (He et al. 2016; stride on the 3x3).

Neither pooling nor classifier: image in, map of 1/32 of its size out. Names of modules are those
of the published weights. B images, C channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dice_ros.networks.residual_blocks import EXPANSION, BasicBlock, Bottleneck

_STAGES = 4


@dataclass(frozen=True, slots=True)
class ResNetConfig:
    """Size of the network.

    Attributes:
        bottlenecks: build of bottlenecks (ResNet-50), else of basic blocks (ResNet-18).
        width: channels of the stem; stages work with 1, 2, 4 and 8 times as many.
        blocks: how many in each of the four stages.
    """

    bottlenecks: bool
    width: int
    blocks: tuple[int, int, int, int]

    @property
    def out_channels(self) -> int:
        """Channels of the feature map."""
        return (EXPANSION if self.bottlenecks else 1) * (self.width << (_STAGES - 1))


RESNET_50 = ResNetConfig(bottlenecks=True, width=64, blocks=(3, 4, 6, 3))
RESNET_18 = ResNetConfig(bottlenecks=False, width=64, blocks=(2, 2, 2, 2))


class ResNet(nn.Module):
    """Image to feature map.

    Args:
        config: size.
    """

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, config.width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(config.width)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        channels = config.width
        stages = []
        for number, count in enumerate(config.blocks):
            width = config.width << number
            blocks: list[nn.Module] = []
            for place in range(count):
                stride = 2 if number > 0 and place == 0 else 1
                if config.bottlenecks:
                    blocks.append(Bottleneck(channels, width, stride))
                    channels = EXPANSION * width
                else:
                    blocks.append(BasicBlock(channels, width, stride))
                    channels = width
            stages.append(nn.Sequential(*blocks))
        self.layer1, self.layer2, self.layer3, self.layer4 = stages

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, out_channels, H / 32, W / 32), >= 0; H and W multiples of 32."""
        return self.stages(self.pool(torch.relu(self.bn1(self.conv1(image)))))

    def stages(self, x: Tensor) -> Tensor:
        """The same from behind the stem: (B, width, H, W) -> (B, out_channels, H / 8, W / 8)."""
        x = self.layer2(self.layer1(x))
        features: Tensor = self.layer4(self.layer3(x))
        return features
