"""From a published-style training snapshot to a loaded network and back."""

import dataclasses
import pickle

import numpy as np
import pytest
import torch

from dice_ros.body.mano_pair import load_hands
from dice_ros.checkpoints.weights_file import read_weights, write_weights
from dice_ros.errors import CheckpointError, OutputError
from dice_ros.networks.interwild.config import small_config
from dice_ros.networks.interwild.names import published_name
from dice_ros.networks.interwild.seeded_weights import seeded_weights
from dice_ros.networks.interwild.weights import (
    check_interwild,
    check_interwild_checkpoint,
    convert_interwild,
    load_interwild,
)


@pytest.fixture(scope="module")
def tensors():
    """Published names to arrays of a small network."""
    return seeded_weights(small_config())


@pytest.fixture(scope="module")
def hands(model_dir):
    return load_hands(model_dir / "mano_hands.npz")


def state_dict(tensors, prefix=""):
    return {prefix + name: torch.from_numpy(np.array(array)) for name, array in tensors.items()}


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("prefix", ["module.", ""])
def test_a_training_snapshot_is_converted_tensor_by_tensor(
    tensors, hands, tmp_path, prefix, zipped
):
    parameter = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.Adam([parameter])
    parameter.sum().backward()
    optimizer.step()
    network = state_dict(tensors, prefix)
    # Some snapshots carry the hands: they come from the user's own files instead.
    network[f"{prefix}mano_layer_right.v_template"] = torch.zeros(778, 3)
    snapshot = {"epoch": 6, "network": network, "optimizer": optimizer.state_dict()}
    torch.save(snapshot, tmp_path / "s.pth", _use_new_zipfile_serialization=zipped)
    report = convert_interwild(tmp_path / "s.pth", tmp_path / "interwild.safetensors")
    assert (report.tensors, report.dropped, report.synthetic) == (len(tensors), 1, False)
    loaded = load_interwild(tmp_path / "interwild.safetensors", hands)
    assert loaded.config == small_config()
    assert not loaded.synthetic
    for name, value in loaded.network.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), tensors[published_name(name)], name)


def test_a_plain_state_dict_in_half_precision_is_widened(tensors, tmp_path):
    halves = {
        name: value.half() if value.is_floating_point() else value
        for name, value in state_dict(tensors).items()
    }
    torch.save(halves, tmp_path / "half.pth")
    convert_interwild(tmp_path / "half.pth", tmp_path / "out.safetensors")
    name = "hand_trans_net.fc.0.weight"
    stored = read_weights(tmp_path / "out.safetensors").tensors[name]
    assert stored.dtype == np.float32
    np.testing.assert_array_equal(stored, halves[name].float().numpy())


def test_stand_ins_stay_marked(licensed_stand_ins, model_dir, hands):
    assert check_interwild_checkpoint(licensed_stand_ins / "snapshot_6.pth").synthetic
    assert check_interwild(model_dir / "interwild.safetensors").synthetic
    assert load_interwild(model_dir / "interwild.safetensors", hands).synthetic


def test_missing_and_wrong_tensors_are_named_with_their_shapes(tensors, tmp_path):
    state = state_dict(tensors)
    del state["hand_trans_net.fc.0.bias"]
    state["body_box_net.bbox_center.0.bias"] = torch.zeros(3)
    state["what.is_this"] = torch.zeros(3)
    torch.save(state, tmp_path / "wrong.pth")
    with pytest.raises(CheckpointError) as raised:
        convert_interwild(tmp_path / "wrong.pth", tmp_path / "out.safetensors")
    text = str(raised.value)
    assert "missing: hand_trans_net.fc.0.bias (3,)" in text
    assert "body_box_net.bbox_center.0.bias (3,), expected (2,)" in text
    assert "unexpected: what.is_this (3,)" in text
    assert not (tmp_path / "out.safetensors").exists()


class Payload:
    def __reduce__(self):
        return (open, ("stolen.txt", "w"))


def test_a_snapshot_that_would_run_something_is_refused(tmp_path):
    (tmp_path / "snapshot.pth").write_bytes(pickle.dumps({"network": Payload()}, protocol=2))
    with pytest.raises(CheckpointError, match="open"):
        convert_interwild(tmp_path / "snapshot.pth", tmp_path / "out.safetensors")


def test_the_snapshot_itself_is_never_written_to(licensed_stand_ins):
    source = licensed_stand_ins / "snapshot_6.pth"
    with pytest.raises(OutputError, match="is the file to convert"):
        convert_interwild(source, source)


def test_weights_of_another_network_are_refused(model_dir, hands, tmp_path):
    weights = read_weights(model_dir / "interwild.safetensors")
    origin = dataclasses.replace(weights.origin, config={"network": "dice"})
    write_weights(tmp_path / "other.safetensors", weights.tensors, origin)
    with pytest.raises(CheckpointError, match="'dice', expected 'interwild'"):
        load_interwild(tmp_path / "other.safetensors", hands)


def test_numbers_that_are_none_are_refused(model_dir, hands, tmp_path):
    weights = read_weights(model_dir / "interwild.safetensors")
    weights.tensors["hand_trans_net.fc.0.bias"][0] = np.nan
    write_weights(tmp_path / "nan.safetensors", weights.tensors, weights.origin)
    with pytest.raises(CheckpointError, match="not finite"):
        load_interwild(tmp_path / "nan.safetensors", hands)
