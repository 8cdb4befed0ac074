import numpy as np
import pytest

from dice_ros.checkpoints.dice_weights import is_dead, select_live
from dice_ros.errors import CheckpointError

EXPECTED = {"backbone.conv1.weight": (4, 3), "cam_param_fc.bias": (1,), "bn.steps": ()}
DEAD = {
    "trans_encoder.layer1.bert.embeddings.word_embeddings.weight": np.full(3, np.nan),
    "trans_encoder.layer1.bert.pooler.dense.bias": np.zeros(2),
    "backbone.classifier.weight": np.zeros(2),
}


def published():
    return {
        **DEAD,
        "bn.steps": np.array(0),
        "cam_param_fc.bias": np.ones(1, np.float32),
        "backbone.conv1.weight": np.ones((4, 3), np.float32),
    }


@pytest.mark.parametrize("prefix", ["", "module.", "module.model.", "_orig_mod."])
def test_live_tensors_are_kept_in_order_under_their_published_names(prefix):
    found = select_live({prefix + name: tensor for name, tensor in published().items()}, EXPECTED)
    assert list(found) == list(EXPECTED)
    assert found["backbone.conv1.weight"].shape == (4, 3)


def test_dead_tensors_are_known_by_their_place():
    assert all(is_dead(name) for name in DEAD)
    assert not is_dead("trans_encoder.layer1.bert.position_embeddings.weight")
    assert not is_dead("trans_encoder.layer1.bert.encoder.layer.0.output.dense.weight")


def test_all_that_is_wrong_is_reported_together():
    tensors = published()
    del tensors["bn.steps"]
    tensors["cam_param_fc.bias"] = np.array([np.inf])
    tensors["backbone.conv1.weight"] = np.ones((3, 4))
    tensors.update({f"extra.{number}": np.zeros(2) for number in range(8)})
    with pytest.raises(CheckpointError) as refused:
        select_live(tensors, EXPECTED)
    message = str(refused.value)
    assert "1 missing: bn.steps ()" in message
    assert "8 unexpected: extra.0 (2,), extra.1 (2,)" in message
    assert "and 3 more" in message
    assert "extra.5" not in message
    assert "1 of the wrong shape: backbone.conv1.weight (3, 4), expected (4, 3)" in message
    assert "1 not finite: cam_param_fc.bias (1,) (1 numbers)" in message


def test_an_empty_file_misses_everything():
    with pytest.raises(CheckpointError, match="3 missing"):
        select_live({}, EXPECTED)
