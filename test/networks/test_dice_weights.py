"""From a published-style file, a whole pickled module, to a loaded network and back."""

import numpy as np
import pytest
import torch
from checkpoints.saved_networks import BERT, METRO, published_class, save

from dice_ros.body.dice_bodies import load_bodies
from dice_ros.checkpoints.weights_file import read_weights
from dice_ros.errors import CheckpointError
from dice_ros.networks.dice import DiceConfig
from dice_ros.networks.dice_config import infer_config, small_config
from dice_ros.networks.dice_names import published_name
from dice_ros.networks.dice_weights import convert_dice, load_dice, template_tensors
from dice_ros.networks.seeded_weights import seeded_tensor
from dice_ros.networks.stand_in_weights import stand_in_weights

NETWORK = "METRO_Decaf_Network_DeformBranch_Presence"
HRNET = "metro.modeling.hrnet.hrnet_cls_net_featmaps"
APEX = "apex.normalization.fused_layer_norm"
DEAD = {
    "backbone.classifier.weight": (10, 64),
    "trans_encoder.layer1.bert.pooler.dense.weight": (32, 32),
    "trans_encoder.layer1.bert.embeddings.word_embeddings.weight": (100, 32),
}


@pytest.fixture(scope="module")
def tensors():
    """Published names to arrays of a small network, dead ones included."""
    dead = {name: seeded_tensor("dead", name, shape) for name, shape in DEAD.items()}
    return stand_in_weights(small_config()) | dead


@pytest.fixture(scope="module")
def template(model_dir):
    return load_bodies(model_dir / "dice_bodies.npz").template


def as_modules(tensors):
    """A tree of modules with the published classes whose state dict is ``tensors``."""
    classes = {
        "network": published_class(NETWORK, METRO),
        "block": published_class("METRO", METRO),
        "layer": published_class("BertLayer", BERT),
        "norm": published_class("FusedLayerNorm", APEX),
        "backbone": published_class("HighResolutionNet", HRNET),
    }
    root = classes["network"]()
    for name, array in tensors.items():
        *path, leaf = name.split(".")
        module = root
        for step in path:
            if step not in module._modules:
                kind = "norm" if step == "LayerNorm" else "block"
                kind = {"backbone": "backbone", "layer": "layer"}.get(step, kind)
                module.add_module(step, classes[kind]())
            module = module._modules[step]
        value = torch.from_numpy(np.array(array))
        if leaf.startswith(("running_", "num_batches")):
            module.register_buffer(leaf, value)
        else:
            module.register_parameter(leaf, torch.nn.Parameter(value, requires_grad=False))
    homes = {
        METRO: {NETWORK: classes["network"], "METRO": classes["block"]},
        BERT: {"BertLayer": classes["layer"]},
        APEX: {"FusedLayerNorm": classes["norm"]},
        HRNET: {"HighResolutionNet": classes["backbone"]},
    }
    return root, {home.replace(".", "__"): members for home, members in homes.items()}


def test_a_pickled_module_is_converted_tensor_by_tensor(tensors, template, tmp_path):
    root, classes = as_modules(tensors)
    assert set(root.state_dict()) == set(tensors)
    for zipped in (True, False):
        save(tmp_path / "model.bin", root, classes, zipped)
        report = convert_dice(tmp_path / "model.bin", tmp_path / "dice.safetensors")
        assert report.dropped == len(DEAD)
        assert report.tensors == len(tensors) - len(DEAD)
        assert not report.synthetic
        loaded = load_dice(tmp_path / "dice.safetensors", template)
        assert loaded.config == small_config()
        assert not loaded.synthetic
        for name, value in loaded.network.state_dict().items():
            np.testing.assert_array_equal(value.numpy(), tensors[published_name(name)], name)


def test_the_template_of_the_bodies_is_the_networks(model_dir, template):
    loaded = load_dice(model_dir / "dice.safetensors", template)
    torch.testing.assert_close(loaded.network.template, template_tensors(template).centred())
    hand, head = loaded.network.template[89:284], loaded.network.template[284:]
    assert hand.mean(dim=0).abs().max() < 1e-6
    assert head.mean(dim=0).abs().max() < 1e-6


def test_half_precision_is_widened(tensors, tmp_path, template):
    state = {name: torch.from_numpy(np.array(array)) for name, array in tensors.items()}
    state = {n: t.half() if t.is_floating_point() else t for n, t in state.items()}
    torch.save(state, tmp_path / "half.bin")
    convert_dice(tmp_path / "half.bin", tmp_path / "dice.safetensors")
    stored = read_weights(tmp_path / "dice.safetensors").tensors["feat_downsampler.weight"]
    assert stored.dtype == np.float32
    np.testing.assert_array_equal(stored, state["feat_downsampler.weight"].float().numpy())


def test_missing_and_wrong_tensors_are_named_with_their_shapes(tensors, tmp_path):
    state = {name: torch.from_numpy(np.array(array)) for name, array in tensors.items()}
    del state["cam_param_fc2.bias"]
    state["hand_upsampling.bias"] = torch.zeros(777)
    state["what.is_this"] = torch.zeros(3)
    torch.save(state, tmp_path / "wrong.bin")
    with pytest.raises(CheckpointError) as raised:
        convert_dice(tmp_path / "wrong.bin", tmp_path / "dice.safetensors")
    text = str(raised.value)
    assert "wrong.bin" in text
    assert "missing: cam_param_fc2.bias (250,)" in text
    assert "hand_upsampling.bias (777,), expected (778,)" in text
    assert "unexpected: what.is_this (3,)" in text
    assert not (tmp_path / "dice.safetensors").exists()


def test_weights_of_another_network_are_refused(model_dir, template, tmp_path):
    import dataclasses

    from dice_ros.checkpoints.weights_file import write_weights

    weights = read_weights(model_dir / "dice.safetensors")
    origin = dataclasses.replace(weights.origin, config={"network": "interwild"})
    write_weights(tmp_path / "other.safetensors", weights.tensors, origin)
    with pytest.raises(CheckpointError, match="'interwild', expected 'dice'"):
        load_dice(tmp_path / "other.safetensors", template)


def test_the_default_config_is_the_published_one(dice_golden):
    shapes = {name: tuple(shape) for name, shape in dice_golden[1]["tensors"]}
    assert infer_config(shapes) == DiceConfig()
