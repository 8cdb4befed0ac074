import sys

import numpy as np
import pytest
from checkpoints.saved_networks import save, small_network, torch

from dice_ros.checkpoints.module_tensors import read_network_tensors
from dice_ros.errors import CheckpointError


def expected_arrays(network):
    def plain(tensor):
        wide = tensor.float() if tensor.dtype == torch.bfloat16 else tensor
        return wide.detach().numpy()

    return {name: plain(tensor) for name, tensor in network.state_dict().items()}


def assert_same(found, expected):
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype, name
        assert found[name].shape == array.shape, name
        assert found[name].tobytes() == array.tobytes(), name


@pytest.mark.parametrize("zipped", [True, False])
def test_a_whole_network_gives_the_names_and_bits_of_its_state_dict(tmp_path, zipped):
    network, classes = small_network()
    path = save(tmp_path / "model.bin", network, classes, zipped)
    assert not any(name.startswith("metro") for name in sys.modules)
    assert_same(read_network_tensors(path), expected_arrays(network))


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
def test_a_state_dict_is_read_bare_or_wrapped(tmp_path, zipped, wrapper):
    network, _ = small_network()
    value = network.state_dict()
    if wrapper:
        value = {"epoch": 3, wrapper: value}
    path = save(tmp_path / "model.bin", value, zipped=zipped)
    assert_same(read_network_tensors(path), expected_arrays(network))


@pytest.mark.parametrize("zipped", [True, False])
def test_a_wrapped_network_is_walked(tmp_path, zipped):
    network, classes = small_network()
    path = save(tmp_path / "model.bin", {"model": network, "epoch": 1}, classes, zipped)
    assert_same(read_network_tensors(path), expected_arrays(network))


def test_a_network_in_a_class_that_nobody_knows_is_refused_by_name(tmp_path):
    network, classes = small_network()
    type(network).__module__ = "metro.modeling.other"
    classes["metro__modeling__other"] = {"METRO": type(network)}
    path = save(tmp_path / "model.bin", network, classes)
    with pytest.raises(CheckpointError, match=r"metro\.modeling\.other\.METRO"):
        read_network_tensors(path)


def test_a_file_without_a_network_says_what_it_holds(tmp_path):
    with pytest.raises(CheckpointError, match="'epoch' is int, expected a tensor"):
        read_network_tensors(save(tmp_path / "a.pt", {"epoch": 3}))
    with pytest.raises(CheckpointError, match="expected a network or its state dict"):
        read_network_tensors(save(tmp_path / "b.pt", torch.zeros(3)))


@pytest.mark.parametrize("zipped", [True, False])
def test_arrays_are_read_only(tmp_path, zipped):
    path = save(tmp_path / "m.pt", {"a": torch.ones(3)}, zipped=zipped)
    with pytest.raises(ValueError, match="read-only"):
        read_network_tensors(path)["a"][0] = 2
    assert np.all(read_network_tensors(path)["a"] == 1)
