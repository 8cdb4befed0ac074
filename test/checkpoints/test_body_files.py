import pickle
import sys

import numpy as np
import pytest
from checkpoints.licensed_files import (
    flame_arrays,
    landmark_arrays,
    mano_arrays,
    python2_chumpy,
)

from dice_ros.checkpoints.body_files import read_flame, read_landmarks, read_mano
from dice_ros.errors import CheckpointError


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def single(array):
    return np.asarray(array.todense() if hasattr(array, "todense") else array, np.float32)


@pytest.mark.parametrize("style", ["python2", 2, 4])
def test_flame_is_read_with_chumpy_and_without(tmp_path, rng, style):
    arrays = flame_arrays(rng)
    data = python2_chumpy(arrays) if style == "python2" else pickle.dumps(arrays, style)
    path = tmp_path / "generic_model.pkl"
    path.write_bytes(data)
    assert "chumpy" not in sys.modules
    flame = read_flame(path)
    for name in ("v_template", "shapedirs", "posedirs", "J_regressor", "weights"):
        assert np.array_equal(getattr(flame, name), single(arrays[name])), name
    assert np.array_equal(flame.faces, arrays["f"])
    assert flame.parents.tolist() == [-1, 0, 1, 1, 1]
    assert "chumpy" not in sys.modules


@pytest.mark.parametrize("style", ["python2", 2, 4])
def test_mano_is_read_with_selected_shape_directions(tmp_path, rng, style):
    arrays = mano_arrays(rng)
    data = pickle.dumps(arrays, 4)
    if style != 4:
        data = python2_chumpy(arrays, selected=("shapedirs", "posedirs"))
    path = tmp_path / "MANO_RIGHT.pkl"
    path.write_bytes(data)
    mano = read_mano(path)
    for name in ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "hands_mean"):
        assert np.array_equal(getattr(mano, name), single(arrays[name])), name
    assert np.array_equal(mano.hands_components, single(arrays["hands_components"]))
    assert mano.parents.tolist() == [-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14]


def test_landmarks_are_read_from_arrays_and_torch_tensors(tmp_path, rng):
    torch = pytest.importorskip("torch", reason="the tensors are made with torch")
    arrays = landmark_arrays(rng)
    stored = dict(arrays)
    for name in ("dynamic_lmk_faces_idx", "dynamic_lmk_bary_coords"):
        stored[name] = torch.from_numpy(arrays[name])
    path = tmp_path / "landmark_embedding.npy"
    np.save(path, np.array(stored, object), allow_pickle=True)
    found = read_landmarks(path)
    assert np.array_equal(found.dynamic_faces, arrays["dynamic_lmk_faces_idx"])
    assert np.array_equal(found.dynamic_barycentric, single(arrays["dynamic_lmk_bary_coords"]))
    assert np.array_equal(found.static_faces, arrays["static_lmk_faces_idx"])
    assert np.array_equal(found.full_barycentric, single(arrays["full_lmk_bary_coords"])[0])
    assert found.full_faces.shape == (68,)


def poisoned(array, value):
    changed = array.copy()
    changed.flat[7] = value
    return changed


BROKEN = {
    "shape": ("v_template", lambda a: a[:-1], r"'v_template' is float64 \(777, 3\), .* \(778, 3\)"),
    "kind": ("weights", lambda a: a.astype(int), "'weights' is int64 .*, expected floats"),
    "text": ("weights", lambda a: "none", "'weights' is str, expected an array"),
    "nan": ("posedirs", lambda a: poisoned(a, np.nan), "'posedirs' has 1 entries .* not finite"),
    "inf": ("hands_mean", lambda a: poisoned(a, 1e300), "'hands_mean' has 1 entries"),
    "high": ("f", lambda a: poisoned(a, 778), "'f' reaches from 0 to 778, expected 0 to 777"),
    "low": ("f", lambda a: poisoned(a.astype(int), -1), "'f' reaches from -1"),
    "float": ("f", lambda a: a.astype(float), "'f' is float64 .*, expected whole numbers"),
    "tree": ("kintree_table", lambda a: poisoned(a, 9), "'kintree_table' has a joint before"),
    "root": ("kintree_table", lambda a: a * 0, "'kintree_table' is no tree"),
    "objects": ("f", lambda a: a.astype(object), "'f' is .*, expected an array"),
    "texts": ("f", lambda a: a.astype(str), "dtype .* not read"),
    "matrix": ("J_regressor", lambda a: a.T, r"'J_regressor' is sparse matrix \(778, 16\)"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_an_array_that_is_not_as_it_should_be_is_named(tmp_path, rng, case):
    name, change, message = BROKEN[case]
    arrays = mano_arrays(rng)
    arrays[name] = change(arrays[name])
    path = tmp_path / "MANO_RIGHT.pkl"
    path.write_bytes(pickle.dumps(arrays, 2))
    with pytest.raises(CheckpointError, match=message) as refused:
        read_mano(path)
    assert str(path) in str(refused.value)


def test_a_missing_array_is_named_and_the_others_listed(tmp_path, rng):
    arrays = mano_arrays(rng)
    del arrays["hands_mean"]
    path = tmp_path / "MANO_RIGHT.pkl"
    path.write_bytes(pickle.dumps(arrays, 2))
    with pytest.raises(CheckpointError, match=r"holds no 'hands_mean', only: .*v_template"):
        read_mano(path)


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("indices", lambda m: m.indices + 16),
        ("indices", lambda m: m.indices - 100),
        ("indptr", lambda m: m.indptr[:-1]),
        ("indptr", lambda m: m.indptr[::-1].copy()),
        ("indptr", lambda m: m.indptr * 2),
        ("data", lambda m: m.data[:-1]),
    ],
)
def test_a_sparse_matrix_whose_indices_leave_it_is_refused(tmp_path, rng, part, change):
    arrays = mano_arrays(rng)
    matrix = arrays["J_regressor"]
    matrix.__dict__[part] = change(matrix)
    path = tmp_path / "MANO_RIGHT.pkl"
    path.write_bytes(pickle.dumps(arrays, 2))
    with pytest.raises(CheckpointError, match=r"'J_regressor': .*sparse matrix"):
        read_mano(path)


def test_a_truncated_model_is_refused_wherever_it_ends(tmp_path, rng):
    arrays = {name: array for name, array in mano_arrays(rng).items() if name != "posedirs"}
    whole = python2_chumpy(arrays, selected=("shapedirs",))
    path = tmp_path / "MANO_RIGHT.pkl"
    path.write_bytes(whole)
    with pytest.raises(CheckpointError, match="holds no 'posedirs'"):
        read_mano(path)
    for end in sorted({*range(1, 64), *rng.integers(0, len(whole), 60).tolist(), len(whole) - 1}):
        path.write_bytes(whole[:end])
        with pytest.raises(CheckpointError, match="truncated"):
            read_mano(path)


def test_a_truncated_landmark_file_is_refused_wherever_it_ends(tmp_path, rng):
    torch = pytest.importorskip("torch", reason="the tensors are made with torch")
    stored = {name: torch.from_numpy(array) for name, array in landmark_arrays(rng).items()}
    path = tmp_path / "landmark_embedding.npy"
    np.save(path, np.array(stored, object), allow_pickle=True)
    whole = path.read_bytes()
    read_landmarks(path)
    for end in sorted({*range(0, 140, 3), *rng.integers(0, len(whole), 60).tolist()}):
        path.write_bytes(whole[:end])
        with pytest.raises(CheckpointError, match="landmark_embedding"):
            read_landmarks(path)
