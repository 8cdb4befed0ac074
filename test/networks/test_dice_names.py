"""The published checkpoint's 2454 tensors and ours."""

import pytest

from dice_ros.checkpoints.dice_weights import is_dead
from dice_ros.errors import AssetError
from dice_ros.networks.dice import DiceConfig
from dice_ros.networks.dice_config import (
    empty_network,
    infer_config,
    published_shapes,
    small_config,
)
from dice_ros.networks.dice_names import names_by_published, published_name


@pytest.fixture(scope="module")
def published(dice_golden):
    """Shape of every tensor of the official state dict."""
    _, meta = dice_golden
    return {name: tuple(shape) for name, shape in meta["tensors"]}


def test_every_published_tensor_is_ours_or_known_to_be_dead(published):
    assert len(published) == 2454
    ours = published_shapes(DiceConfig())
    live = {name: shape for name, shape in published.items() if not is_dead(name)}
    assert ours == live
    assert len(published) - len(live) == 37


def test_names_map_one_to_one_both_ways(published):
    state = empty_network(DiceConfig()).state_dict()
    back = names_by_published(state)
    assert len(back) == len(state)
    for name in state:
        assert back[published_name(name)] == name
    for name in published:
        if not is_dead(name):
            assert published_name(back[name]) == name


def test_a_foreign_name_is_an_error():
    with pytest.raises(KeyError):
        published_name("head.weight")


def test_widths_are_read_off_the_shapes(published):
    assert infer_config(published) == DiceConfig()
    assert infer_config(published_shapes(small_config())) == small_config()


def test_foreign_weights_are_named():
    with pytest.raises(AssetError, match="not the weights of DICE"):
        infer_config({"conv1.weight": (64, 3, 7, 7)})


def test_a_tensor_of_other_dimensions_is_named(published):
    broken = published | {"feat_downsampler.weight": (512,)}
    with pytest.raises(AssetError, match=r"feat_downsampler.weight.*\(512,\).*2 dimensions"):
        infer_config(broken)
