"""What is done to the network's numbers before they are meshes."""

import pytest

pytest.importorskip("torch", reason="DICE needs PyTorch: pip install torch smplx safetensors")
pytest.importorskip("smplx", reason="the bodies need smplx: pip install torch smplx safetensors")

import numpy as np
import torch

from dice_ros.body.dice_bodies import load_bodies
from dice_ros.engine.choose import DiceModel
from dice_ros.engine.eager import EagerEngine
from dice_ros.engine.protocol import Precision
from dice_ros.engine.resilient import ResilientEngine
from dice_ros.estimators.dice.runner import DiceRunner
from dice_ros.networks.dice_weights import load_dice
from dice_ros.perception.interaction_crop import CropBox, ImageCut


@pytest.fixture
def model(model_dir):
    bodies = load_bodies(model_dir / "dice_bodies.npz")
    path = model_dir / "dice.safetensors"
    return DiceModel(
        load_dice(path, bodies.template).network, bodies, True, path, model_dir / "dice_bodies.npz"
    )


PICTURE = np.random.default_rng(3).integers(0, 256, (300, 300, 3), dtype=np.uint8)


def runner_of(model):
    plain = EagerEngine(model.graph(Precision.FLOAT32), torch.device("cpu"))
    engine = ResilientEngine(plain, (), background=False)
    engine.load()
    return DiceRunner(engine)


def meshes(model, presence_bias):
    """Of one crop, by a network that is more or less sure that a hand touches the face."""
    with torch.no_grad():
        model.network.presence_head.pool.bias.fill_(presence_bias)
    runner = runner_of(model)
    (found,) = runner.run([ImageCut.whole(PICTURE)])
    runner.close()
    return found


@pytest.mark.parametrize("crop", [(40, 30, 230), (-50, -20, 320), (100, 150, 300), (-400, 0, 90)])
def test_cuts_are_black_outside_the_image_and_flipped_if_mirrored(model, crop):
    x, y, side = crop
    around = np.zeros((1200, 1200, 3), np.uint8)
    around[450:750, 450:750] = PICTURE
    square = around[450 + y : 450 + y + side, 450 + x : 450 + x + side]
    runner = runner_of(model)
    for mirrored in (False, True):
        (found,) = runner.run([CropBox(x, y, side, mirrored=mirrored).cut(PICTURE)])
        (expected,) = runner.run([ImageCut.whole(square[:, ::-1] if mirrored else square)])
        np.testing.assert_array_equal(found.head, expected.head)
        np.testing.assert_array_equal(found.face_contact, expected.face_contact)
    runner.close()


def test_skin_is_displaced_only_where_something_touches(model):
    touching, apart = (meshes(model, bias) for bias in (50.0, -50.0))
    assert touching.presence > 0.5 > apart.presence
    assert np.abs(touching.deformation).max() > 1e-6
    assert not apart.deformation.any()
    np.testing.assert_array_equal(touching.head, apart.head)
