"""Linear maps as convolutions over the tokens: the same function."""

import copy

import pytest
import torch

from dice_ros.networks.mesh_transformer import (
    ALL_ROWS,
    BlockConfig,
    MeshTransformerBlock,
    Projections,
)
from dice_ros.networks.token_convolutions import ConvolutionalLayer, use_token_convolutions


@pytest.fixture(scope="module")
def block():
    torch.manual_seed(3)
    config = BlockConfig(in_features=20, hidden=32, out_features=8, layers=2, feed_forward=48)
    block = MeshTransformerBlock(config).double().eval().requires_grad_(False)
    torch.nn.init.normal_(block.positions.weight)  # zeros until weights come
    return block


@pytest.fixture(scope="module")
def tokens():
    generator = torch.Generator().manual_seed(4)
    return torch.randn(2, 11, 32, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("rows", [ALL_ROWS, slice(4, None)])
@pytest.mark.parametrize("given", [False, True])
def test_a_layer_computes_the_same(block, tokens, rows, given):
    layer = block.layers[0]
    projected = Projections(tokens + 1.0, 0.5 * tokens, -tokens) if given else None
    expected = layer(tokens, rows, projected)
    found = ConvolutionalLayer(layer)(tokens, rows, projected)
    assert found.shape == expected.shape
    assert torch.allclose(found, expected, rtol=1e-12, atol=1e-12)
    assert not torch.allclose(found, tokens[:, rows], atol=0.1)


def test_a_block_computes_the_same_and_nothing_linear_is_left_in_its_layers(block):
    blocks = torch.nn.ModuleList([copy.deepcopy(block)])
    generator = torch.Generator().manual_seed(5)
    tokens = torch.randn(2, 11, 20, generator=generator, dtype=torch.float64)
    use_token_convolutions(blocks)
    assert torch.allclose(blocks[0](tokens), block(tokens), rtol=1e-12, atol=1e-12)
    assert not any(isinstance(part, torch.nn.Linear) for part in blocks[0].layers.modules())
