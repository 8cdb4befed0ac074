"""The published checkpoint's 810 tensors and ours."""

import pytest

from dice_ros.errors import AssetError
from dice_ros.networks.interwild.config import InterWildConfig, infer_config, small_config
from dice_ros.networks.interwild.names import names_by_published, published_name
from dice_ros.networks.interwild.network import InterWildNetwork
from dice_ros.networks.interwild.weights import published_shapes


def test_every_published_tensor_is_ours(interwild_golden):
    _, state = interwild_golden
    assert len(state) == 810
    assert published_shapes(InterWildConfig()) == state


def test_names_map_one_to_one_both_ways(interwild_golden):
    _, published = interwild_golden
    state = InterWildNetwork(small_config(), None).state_dict()
    back = names_by_published(InterWildNetwork(InterWildConfig(), None).state_dict())
    assert len(back) == 810
    for name in published:
        assert published_name(back[name]) == name
    for name in state:
        assert names_by_published([name])[published_name(name)] == name


def test_a_foreign_name_is_an_error():
    with pytest.raises(KeyError):
        published_name("head.weight")


def test_widths_are_read_off_the_shapes(interwild_golden):
    assert infer_config(interwild_golden[1]) == InterWildConfig()
    assert infer_config(published_shapes(small_config())) == small_config()


def test_foreign_weights_are_named():
    with pytest.raises(AssetError, match="not the weights of InterWild"):
        infer_config({"conv1.weight": (64, 3, 7, 7)})


@pytest.mark.parametrize(
    "name", ["body_backbone.layer3.9.conv1.weight", "hand_trans_net.backbone.layer1.999999.x"]
)
def test_blocks_without_number_order_are_refused_before_a_network_is_made(interwild_golden, name):
    with pytest.raises(AssetError, match="without gaps"):
        infer_config(interwild_golden[1] | {name: (1,)})


def test_widths_that_no_network_has_are_refused(interwild_golden):
    config = infer_config(interwild_golden[1] | {"body_backbone.conv1.weight": (1 << 60, 3, 7, 7)})
    with pytest.raises(AssetError, match="no network has their widths"):
        published_shapes(config)
