"""The network can be captured whole, for any batch, by every tracer that engines use."""

import warnings

import numpy as np
import pytest
import torch
from networks.dice_recipe import template

from dice_ros.networks.dice import DiceNetwork
from dice_ros.networks.dice_config import small_config


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    network = DiceNetwork(small_config(), template("export")).eval()
    for block in (*network.mesh_net, *network.interaction_net):
        torch.nn.init.normal_(block.positions.weight)  # zeros until weights come
    return network


@pytest.fixture(scope="module")
def images():
    return torch.randn(3, 3, 224, 224, generator=torch.Generator().manual_seed(1))


def assert_same(found, expected):
    np.testing.assert_allclose(found.camera.detach(), expected.camera.detach(), rtol=1e-5)
    np.testing.assert_allclose(
        found.head.contact.detach(), expected.head.contact.detach(), rtol=1e-5
    )


def test_it_is_exported_for_any_batch(network, images):
    batch = torch.export.Dim("batch", min=1, max=16)
    program = torch.export.export(network, (images[:2],), dynamic_shapes=({0: batch},))
    with torch.inference_mode():
        for count in (1, 2, 3):
            assert_same(program.module()(images[:count]), network(images[:count]))


def test_it_compiles_without_graph_breaks(network, images):
    compiled = torch.compile(network, fullgraph=True, backend="eager")
    with torch.inference_mode():
        assert_same(compiled(images[:1]), network(images[:1]))


def test_it_is_traced_without_warnings(network, images):
    with warnings.catch_warnings():
        warnings.simplefilter("error", category=torch.jit.TracerWarning)
        traced = torch.jit.trace(network, images[:1], check_trace=False)
    camera = traced(images[1:2])[0]
    np.testing.assert_allclose(camera.detach(), network(images[1:2]).camera.detach(), rtol=1e-5)


def test_two_runs_give_the_same_bits(network, images):
    with torch.inference_mode():
        first, second = network(images), network(images)
    assert torch.equal(first.head.vertices, second.head.vertices)
    assert torch.equal(first.hand.parameters.hand_pose, second.hand.parameters.hand_pose)
