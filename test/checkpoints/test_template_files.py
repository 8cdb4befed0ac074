import numpy as np
import pytest
import scipy.sparse
from checkpoints.saved_networks import save, torch

from dice_ros.checkpoints.template_files import (
    HAND_LEVELS,
    HEAD_LEVELS,
    read_down_sampling,
    read_hand_rest,
    read_head_rest,
    read_neck,
)
from dice_ros.errors import CheckpointError


def step(coarse, fine, library):
    matrix = scipy.sparse.random(coarse, fine, 0.001, rng=np.random.default_rng(coarse)).tocoo()
    if library == "scipy":
        return matrix.tocsc()
    places = np.stack([matrix.row, matrix.col])
    tensor = torch.sparse_coo_tensor(places, matrix.data, matrix.shape, check_invariants=True)
    return tensor.float()


@pytest.mark.parametrize("library", ["scipy", "torch"])
@pytest.mark.parametrize("zipped", [True, False])
def test_down_sampling_of_the_head_is_read(tmp_path, library, zipped):
    steps = [step(1675, 5023, library), step(559, 1675, library)]
    content = {"A": [], "U": [], "D": steps, "F": [np.zeros((3, 3))]}
    path = save(tmp_path / "head_mesh_transforms.pt", content, zipped=zipped)
    found = read_down_sampling(path, HEAD_LEVELS)
    assert [matrix.shape for matrix in found] == [(1675, 5023), (559, 1675)]
    for matrix, original in zip(found, steps, strict=True):
        dense = original.todense() if library == "scipy" else original.to_dense().numpy()
        assert np.array_equal(matrix.dense(), np.asarray(dense, np.float32))


def test_down_sampling_of_another_mesh_is_refused(tmp_path):
    content = {"D": [step(195, 778, "scipy")]}
    path = save(tmp_path / "hand_mesh_transforms.pt", content)
    assert read_down_sampling(path, HAND_LEVELS)[0].shape == (195, 778)
    with pytest.raises(CheckpointError, match="no list of 2 matrices"):
        read_down_sampling(path, HEAD_LEVELS)
    save(path, {"D": [step(778, 195, "scipy")]})
    with pytest.raises(CheckpointError, match=r"'D\[0\]' is a sparse matrix \(778, 195\)"):
        read_down_sampling(path, HAND_LEVELS)


@pytest.mark.parametrize("zipped", [True, False])
def test_rest_meshes_are_read_as_arrays_or_tensors(tmp_path, zipped):
    head = np.random.default_rng(1).normal(size=(5023, 3))
    path = save(tmp_path / "head_ref_vs.pt", head, zipped=zipped)
    assert np.array_equal(read_head_rest(path), head.astype(np.float32))
    hand = torch.randn(778, 3)
    path = save(tmp_path / "rh_ref_vs.pt", hand, zipped=zipped)
    assert np.array_equal(read_hand_rest(path), hand.numpy())
    with pytest.raises(CheckpointError, match=r"'head_ref_vs' is float32 \(778, 3\), .*5023, 3"):
        read_head_rest(path)


def test_the_neck_is_read_and_checked(tmp_path):
    path = tmp_path / "neck_idx.npy"
    np.save(path, np.array([3, 5022]))
    assert read_neck(path).tolist() == [3, 5022]
    for bad, message in (
        ([5023], "reaches from 5023"),
        ([1.5], "whole"),
        ([[1]], "expected shape"),
    ):
        np.save(path, np.array(bad))
        with pytest.raises(CheckpointError, match=message):
            read_neck(path)
