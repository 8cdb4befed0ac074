import dataclasses

import pytest
import torch
from networks.interwild.interwild_recipe import golden, load_seeded, mano_pair

from dice_ros.body.mano_pair import repaired_left
from dice_ros.networks.interwild.config import InterWildConfig
from dice_ros.networks.interwild.names import names_by_published
from dice_ros.networks.interwild.network import InterWildNetwork


@pytest.fixture(scope="session")
def interwild_golden():
    """Golden arrays, and shapes by published name."""
    return golden()


@pytest.fixture(scope="session")
def recipe_hands():
    """Both MANO hands of the recipe, the left one repaired."""
    pair = mano_pair()
    arrays = repaired_left(pair.right.arrays, pair.left.arrays)
    return dataclasses.replace(pair, left=dataclasses.replace(pair.left, arrays=arrays))


@pytest.fixture(scope="session")
def seeded_interwild(interwild_golden, recipe_hands):
    """The published network with the recipe's weights."""
    network = InterWildNetwork(InterWildConfig(), recipe_hands)
    names = names_by_published(network.state_dict())
    return load_seeded(network, interwild_golden[1], names)


@pytest.fixture(scope="session")
def golden_canvas(interwild_golden):
    """(1, 3, 512, 384) network input."""
    image = torch.from_numpy(interwild_golden[0]["in/image"])
    return image.permute(2, 0, 1)[None].float() / 255


@pytest.fixture(scope="session")
def interwild_output(seeded_interwild, golden_canvas):
    """What our network says about it."""
    with torch.inference_mode():
        return seeded_interwild(golden_canvas)
