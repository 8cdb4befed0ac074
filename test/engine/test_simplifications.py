"""Exact algebra: each rewriting of the published network gives its numbers with less work.

Rewritings are compared in float64: in float32 the published arithmetic alone is off by half of
1e-5 here, more or less with the number of threads, because random weights amplify its rounding.
"""

import dataclasses

import pytest
import torch
from networks.dice_recipe import (
    flame_arrays,
    golden,
    image,
    mano_arrays,
    relative_error,
    seeded_network,
)
from torch.utils.flop_counter import FlopCounterMode

from dice_ros.networks.dice import PRESENCE_THRESHOLD
from dice_ros.networks.dice_graph import CoreReading, DiceGraph, Simplifications
from dice_ros.networks.dice_postprocess import DicePostprocess

NAMES = [item.name for item in dataclasses.fields(Simplifications)]
CHEAPER = ("fold_upsampling", "reassociate_tokens", "project_features", "drop_unread", "all")
NEEDS = {"project_features": ("reassociate_tokens",)}


@pytest.fixture(scope="module")
def network():
    """The published network with seeded weights."""
    return seeded_network(golden("dice-public-1")[1])


@pytest.fixture(scope="module")
def crop():
    return image("public-1", 0, 1.0)[None]


@pytest.fixture(scope="module")
def bodies():
    return flame_arrays("post-public-1"), mano_arrays("post-public-1")


def run(graph, crop):
    with torch.inference_mode():
        return graph(crop)


def flops(graph, crop):
    with FlopCounterMode(display=False) as counter:
        run(graph, crop)
    return counter.get_total_flops()


@pytest.fixture(scope="module")
def published(network, bodies):
    return DiceGraph(network, *bodies, simplifications=Simplifications.none())


@pytest.fixture(scope="module")
def expected(published, crop):
    return run(published, crop)


def test_the_graph_is_the_network_and_its_post_processing(network, bodies, crop, expected):
    with torch.inference_mode():
        output = network(crop)
        meshes = DicePostprocess(*bodies)(output)
    assert torch.equal(expected.head, meshes.head)
    assert torch.equal(expected.hand, meshes.hand)
    assert torch.equal(expected.joints, meshes.joints)
    assert torch.equal(expected.landmarks, meshes.landmarks)
    touches = (output.presence > PRESENCE_THRESHOLD)[:, :, None]
    assert torch.equal(expected.deformation * touches, meshes.deformation)
    assert expected.deformation.any()
    assert torch.equal(expected.scale, meshes.camera.scale)
    assert torch.equal(expected.face_contact, output.head.contact[..., 0])
    assert torch.equal(expected.hand_contact, output.hand.contact[..., 0])
    assert torch.equal(expected.presence, output.presence)


def exactly(network, bodies, chosen, crop, **options):
    """The reading in float64, from the first convolution to the last vertex."""
    graph = DiceGraph(network, *bodies, simplifications=chosen, dtype=torch.float64, **options)
    graph.tail.double()
    with torch.inference_mode():
        core = graph.core(crop.double())
        return graph.tail(CoreReading(*(tensor.double() for tensor in core)))


def largest_error(found, expected):
    """Over all fields, relative."""
    pairs = zip(found, expected, strict=True)
    return max(relative_error(value, wanted.numpy()) for value, wanted in pairs)


@pytest.fixture(scope="module")
def exact(network, bodies, crop):
    return exactly(network, bodies, Simplifications.none(), crop)


def needed_by(name):
    """Nothing but what a rewriting takes for granted."""
    return dataclasses.replace(Simplifications.none(), **dict.fromkeys(NEEDS.get(name, ()), True))


def chosen_by(name):
    """A rewriting and what it takes for granted, or all of them."""
    return (
        Simplifications() if name == "all" else dataclasses.replace(needed_by(name), **{name: True})
    )


@pytest.mark.parametrize("name", [*NAMES, "all"])
def test_each_rewriting_is_exact(name, network, bodies, crop, exact):
    assert largest_error(exactly(network, bodies, chosen_by(name), crop), exact) <= 2e-6


@pytest.fixture(scope="module")
def published_flops(published, crop):
    return flops(published, crop)


@pytest.mark.parametrize("name", CHEAPER)
def test_a_rewriting_saves_work(name, network, bodies, crop, published_flops):
    needed, before = needed_by(name), published_flops
    if needed != Simplifications.none():
        before = flops(DiceGraph(network, *bodies, simplifications=needed), crop)
    assert flops(DiceGraph(network, *bodies, simplifications=chosen_by(name)), crop) < before


def test_free_meshes_are_exact_too(model, crop):
    bodies = model.bodies.flame, model.bodies.mano
    plain, fast = (
        exactly(model.network, bodies, chosen, crop, parametric=False)
        for chosen in (Simplifications.none(), Simplifications())
    )
    assert largest_error(fast, plain) <= 2e-6


def test_in_float32_rewriting_costs_no_accuracy(network, bodies, crop, exact, expected):
    fast = run(DiceGraph(network, *bodies), crop)
    assert largest_error(fast, exact) <= max(1e-5, 3.0 * largest_error(expected, exact))


def test_the_network_itself_is_left_as_it_was(network, bodies, crop):
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    DiceGraph(network, *bodies)
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name]), name
