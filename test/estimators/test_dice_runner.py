"""What is done to the network's numbers before they are meshes."""

import pytest

pytest.importorskip("torch", reason="DICE needs PyTorch: pip install torch smplx safetensors")
pytest.importorskip("smplx", reason="the bodies need smplx: pip install torch smplx safetensors")

import dataclasses

import numpy as np
import torch

from dice_ros.body.dice_bodies import load_bodies
from dice_ros.engine.choose import DiceModel
from dice_ros.engine.eager import EagerEngine
from dice_ros.engine.protocol import Precision
from dice_ros.engine.resilient import ResilientEngine
from dice_ros.estimators.dice.runner import DiceRunner
from dice_ros.networks.dice_weights import load_dice


@pytest.fixture
def model(model_dir):
    bodies = load_bodies(model_dir / "dice_bodies.npz")
    path = model_dir / "dice.safetensors"
    return DiceModel(
        load_dice(path, bodies.template).network, bodies, True, path, model_dir / "dice_bodies.npz"
    )


def meshes(model, presence_bias):
    """Of one crop, by a network that is more or less sure that a hand touches the face."""
    network = model.network
    with torch.no_grad():
        network.presence_head.pool.bias.fill_(presence_bias)
    model = dataclasses.replace(model, network=network)
    plain = EagerEngine(model.graph(Precision.FLOAT32), torch.device("cpu"))
    engine = ResilientEngine(plain, (), background=False)
    engine.load()
    runner = DiceRunner(engine)
    picture = np.random.default_rng(3).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    (found,) = runner.run([picture])
    runner.close()
    return found


def test_skin_is_displaced_only_where_something_touches(model):
    touching, apart = (meshes(model, bias) for bias in (50.0, -50.0))
    assert touching.presence > 0.5 > apart.presence
    assert np.abs(touching.deformation).max() > 1e-6
    assert not apart.deformation.any()
    np.testing.assert_array_equal(touching.head, apart.head)
