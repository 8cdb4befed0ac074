"""Folding batch norms into the layer before them: the same function, fewer operations.

In evaluation mode a batch norm is a fixed scale and shift per channel, which a convolution or a
linear layer can carry in its own weights.
"""

from __future__ import annotations

from itertools import pairwise

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from dice_ros.networks.ik_net import IKNet, ResidualUnit
from dice_ros.networks.residual_blocks import BasicBlock, Bottleneck
from dice_ros.networks.resnet import ResNet

_PAIRS: dict[type[nn.Module], tuple[tuple[str, str], ...]] = {
    Bottleneck: (("conv1", "bn1"), ("conv2", "bn2"), ("conv3", "bn3")),
    BasicBlock: (("conv1", "bn1"), ("conv2", "bn2")),
    ResNet: (("conv1", "bn1"),),
    IKNet: (("entry", "entry_norm"),),
    ResidualUnit: (("first", "first_norm"), ("second", "second_norm")),
}
_STEM = (("conv1", "bn1"), ("conv2", "bn2"))


def fold_batch_norms(network: nn.Module) -> nn.Module:
    """Fold every batch norm of a network, in place; returns the network.

    Raises:
        ValueError: the network is in training mode, or a batch norm is left over.
    """
    if network.training:
        raise ValueError("batch norms can be folded in evaluation mode only: call eval() first")
    for module in network.modules():
        if isinstance(module, nn.Sequential):
            names = [name for name, _ in module.named_children()]
            pairs = tuple(pairwise(names))
        else:
            pairs = _PAIRS.get(type(module), _STEM if hasattr(module, "incre_modules") else ())
        for layer, norm in pairs:
            _fold(module, layer, norm)
    left = [name for name, module in network.named_modules() if _is_norm(module)]
    if left:
        raise ValueError(f"batch norms that follow no known layer: {left[:5]}")
    return network


def _fold(parent: nn.Module, layer_name: str, norm_name: str) -> None:
    layer, norm = getattr(parent, layer_name), getattr(parent, norm_name)
    if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
        folded: nn.Module = fuse_conv_bn_eval(layer, norm)
    elif isinstance(layer, nn.ConvTranspose2d) and isinstance(norm, nn.BatchNorm2d):
        folded = fuse_conv_bn_eval(layer, norm, transpose=True)
    elif isinstance(layer, nn.Linear) and isinstance(norm, nn.BatchNorm1d):
        folded = fuse_linear_bn_eval(layer, norm)
    else:
        return
    setattr(parent, layer_name, folded)
    setattr(parent, norm_name, nn.Identity())


def _is_norm(module: nn.Module) -> bool:
    return isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)
