import pytest

pytest.importorskip(
    "torch", reason="the networks need PyTorch: pip install torch smplx safetensors"
)
pytest.importorskip("smplx", reason="the bodies need smplx: pip install torch smplx safetensors")

import torch
from networks.dice_recipe import golden, image, seeded_network


@pytest.fixture(scope="session")
def dice_golden():
    """Arrays and description of the network's golden numbers."""
    return golden("dice-public-1")


@pytest.fixture(scope="session")
def seeded_dice(dice_golden):
    """The published network with the recipe's weights."""
    return seeded_network(dice_golden[1])


@pytest.fixture(scope="session")
def dice_image(dice_golden):
    """(1, 3, 224, 224) network input."""
    _, meta = dice_golden
    amplitudes = meta["image_amplitude"]
    return torch.stack([image(meta["seed"], i, amplitudes[i]) for i in range(meta["batch"])])


@pytest.fixture(scope="session")
def dice_output(seeded_dice, dice_image):
    """What our network says about it."""
    with torch.inference_mode():
        return seeded_dice(dice_image)
