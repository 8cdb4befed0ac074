"""The engine of InterWild: exact rewritings, and errors that say what to do."""

import numpy as np
import pytest
import torch

from dice_ros.body.mano_pair import load_hands
from dice_ros.engine.interwild_eager import InterWildEngine, InterWildRequest
from dice_ros.engine.protocol import Engine, EngineError, EngineKind
from dice_ros.networks.interwild.network import GivenBoxes, InterWildOutput
from dice_ros.networks.interwild.weights import load_interwild

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def network(model_dir):
    hands = load_hands(model_dir / "mano_hands.npz")
    return load_interwild(model_dir / "interwild.safetensors", hands).network


@pytest.fixture(scope="module")
def canvas():
    return torch.from_numpy(np.random.default_rng(4).random((2, 3, 512, 384), dtype=np.float32))


def opened(network, **options) -> Engine[InterWildRequest, InterWildOutput]:
    engine = InterWildEngine(network, CPU, **options)
    engine.load()
    engine.warm_up()
    return engine


def test_folding_and_the_shortcut_change_no_number_that_matters(network, canvas):
    quick = opened(network).run(InterWildRequest(canvas))
    plain = opened(network, simplified=False).run(InterWildRequest(canvas))
    for side in ("right", "left"):
        ours, theirs = getattr(quick, side), getattr(plain, side)
        assert (ours.vertices - theirs.vertices).abs().max() < 1e-5  # metres
        assert (ours.joints_canvas - theirs.joints_canvas).abs().max() < 1e-2  # pixels
    assert (quick.pair.relative - plain.pair.relative).abs().max() < 1e-5  # metres


def test_the_network_it_was_made_from_is_left_as_it_is(network, canvas):
    names = set(network.state_dict())
    opened(network).close()
    assert set(network.state_dict()) == names


def test_a_batch_gives_what_single_pictures_give(network, canvas):
    engine = opened(network)
    both = engine.run(InterWildRequest(canvas))
    box = torch.tensor([[100.0, 150.0, 200.0, 250.0]])
    given = GivenBoxes(box.repeat(2, 1), None)
    boxed = engine.run(InterWildRequest(canvas, given))
    for number in range(2):
        one = canvas[number : number + 1]
        alone = engine.run(InterWildRequest(one))
        torch.testing.assert_close(
            both.left.vertices[number], alone.left.vertices[0], atol=2e-5, rtol=1e-4
        )
        alone = engine.run(InterWildRequest(one, GivenBoxes(box, None)))
        torch.testing.assert_close(
            boxed.right.vertices[number], alone.right.vertices[0], atol=2e-5, rtol=1e-4
        )
        assert alone.left is None


def test_it_says_which_engine_it_is(network):
    described = opened(network).describe()
    assert described.kind is EngineKind.EAGER
    assert "separable" in str(described)


def test_a_closed_engine_and_a_wrong_picture_are_errors(network):
    engine = opened(network)
    with pytest.raises(EngineError, match="could not be run"):
        engine.run(InterWildRequest(torch.zeros(1, 4, 512, 384)))
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.run(InterWildRequest(torch.zeros(1, 3, 512, 384)))
