"""Transformer layers whose linear maps are convolutions over the tokens, for engines in int8.

The same numbers up to rounding. Libraries for CPUs have much faster int8 convolutions than int8
matrix products, and keep their input in the layout that tokens have anyway. B crops, T tokens, D
width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from dice_ros.networks.mesh_transformer import (
    ALL_ROWS,
    MeshTransformerBlock,
    Projections,
    TransformerLayer,
    attend,
)


def use_token_convolutions(blocks: nn.ModuleList) -> None:
    """Replace the layers of blocks, in place."""
    for block in blocks:
        assert isinstance(block, MeshTransformerBlock)
        block.layers = nn.ModuleList(ConvolutionalLayer(layer) for layer in block.layers)


class ConvolutionalLayer(nn.Module):
    """Computes what a :class:`TransformerLayer` does.

    Args:
        layer: read, not changed.
    """

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        assert isinstance(layer, TransformerLayer)
        self._heads = layer.heads
        self.query = _convolution(layer.query)
        self.key_value = _convolution(layer.key, layer.value)
        self.attention_out = _convolution(layer.attention_out)
        self.attention_norm = layer.attention_norm
        self.expand = _convolution(layer.expand)
        self.contract = _convolution(layer.contract)
        self.output_norm = layer.output_norm

    def forward(
        self, x: Tensor, rows: slice = ALL_ROWS, projected: Projections | None = None
    ) -> Tensor:
        """(B, T, D) -> (B, R, D), R the number of rows that are wanted."""
        asking = x if rows == ALL_ROWS else x[:, rows]
        if projected is None:
            key, value = _tokens(self.key_value(_image(x))).chunk(2, dim=2)
            projected = Projections(_tokens(self.query(_image(asking))), key, value)
        elif rows != ALL_ROWS:
            projected = projected._replace(query=projected.query[:, rows])
        attended = attend(projected, self._heads)
        x = self.attention_norm(_tokens(self.attention_out(_image(attended))) + asking)
        y: Tensor = self.output_norm(_tokens(self.contract(gelu(self.expand(_image(x))))) + x)
        return y


def _image(tokens: Tensor) -> Tensor:
    """(B, T, D) -> (B, D, T, 1): an image one pixel wide."""
    return tokens.transpose(1, 2)[..., None]


def _tokens(image: Tensor) -> Tensor:
    """(B, D, T, 1) -> (B, T, D)."""
    return image[..., 0].transpose(1, 2)


def _convolution(*linears: nn.Linear) -> nn.Conv2d:
    """One convolution that gives the outputs of linear maps, one behind the other."""
    weight = torch.cat([linear.weight for linear in linears]).detach()
    bias = torch.cat([linear.bias for linear in linears]).detach()
    made = nn.Conv2d(weight.shape[1], weight.shape[0], kernel_size=1)
    made.weight = nn.Parameter(weight[:, :, None, None].clone(), requires_grad=False)
    made.bias = nn.Parameter(bias.clone(), requires_grad=False)
    return made
