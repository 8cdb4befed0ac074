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


@pytest.mark.parametrize(
    "name",
    [
        "backbone.stage2.999999999.branches.0.0.conv1.weight",
        "backbone.stage3.6.branches.0.0.conv1.weight",
        f"backbone.stage4.{'9' * 5000}.branches.0.0.conv1.weight",
        "trans_encoder.layer0.cls_head.weight",
        "trans_encoder.layer1.bert.encoder.layer.123456789.output.dense.weight",
    ],
)
def test_parts_without_number_order_are_refused_before_a_network_is_made(published, name):
    with pytest.raises(AssetError, match="without gaps") as refused:
        infer_config(published | {name: (1,)})
    assert len(str(refused.value)) < 500


def test_more_parts_than_any_network_has_are_refused(published):
    many = {f"backbone.stage2.{number}.fuse": (1,) for number in range(100)}
    with pytest.raises(AssetError, match=r"100 parts .* at most 64"):
        infer_config(published | many)


def test_widths_that_no_network_has_are_refused(published):
    config = infer_config(published | {"backbone.transition1.0.0.weight": (1 << 40, 0, 3, 3)})
    with pytest.raises(AssetError, match="no network has their widths"):
        published_shapes(config)


@pytest.mark.parametrize("hidden", [30, 0])
def test_a_hidden_width_that_four_heads_cannot_share_is_refused(published, hidden):
    name = "deform_encoder.layer2.bert.img_embedding.weight"
    with pytest.raises(AssetError, match=rf"{name}.*\b{hidden}\b.* 4 heads"):
        infer_config(published | {name: (hidden, 256)})


def test_a_tensor_of_other_dimensions_is_named(published):
    broken = published | {"feat_downsampler.weight": (512,)}
    with pytest.raises(AssetError, match=r"feat_downsampler.weight.*\(512,\).*2 dimensions"):
        infer_config(broken)
