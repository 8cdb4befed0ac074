import pytest

pytest.importorskip("torch", reason="engines need PyTorch: pip install torch smplx safetensors")
pytest.importorskip("smplx", reason="the bodies need smplx: pip install torch smplx safetensors")

import torch

from dice_ros.body.dice_bodies import load_bodies
from dice_ros.engine.choose import DiceModel
from dice_ros.engine.eager import EagerEngine
from dice_ros.engine.protocol import Precision
from dice_ros.networks.dice_graph import Simplifications
from dice_ros.networks.dice_weights import load_dice


@pytest.fixture(scope="session")
def model(model_dir):
    """A small network with stand-in bodies."""
    bodies = load_bodies(model_dir / "dice_bodies.npz")
    weights_path = model_dir / "dice.safetensors"
    network = load_dice(weights_path, bodies.template).network
    return DiceModel(network, bodies, True, weights_path, model_dir / "dice_bodies.npz")


@pytest.fixture(scope="session")
def plain(model):
    """The published arithmetic, eager, float32."""
    graph = model.graph(Precision.FLOAT32, Simplifications.none())
    engine = EagerEngine(graph, torch.device("cpu"))
    engine.load()
    return engine


@pytest.fixture(scope="session")
def images():
    return torch.randn(3, 3, 224, 224, generator=torch.Generator().manual_seed(7))
