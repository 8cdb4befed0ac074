"""The stand-in files have the official format, say what they are, and never change."""

import hashlib
import itertools
import pickle

import numpy as np
import pytest
from scipy.sparse import csc_matrix

torch = pytest.importorskip("torch")

from dice_ros.checkpoints.synthetic_mark import SYNTHETIC_MARK  # noqa: E402
from dice_ros.errors import OutputError  # noqa: E402
from dice_ros.synthesis.stand_in_bodies import (  # noqa: E402
    filling,
    torch_files,
    write_stand_ins,
)
from dice_ros.synthesis.stand_in_bodies.files import write_model  # noqa: E402
from dice_ros.synthesis.stand_in_bodies.hand_surface import TIP_VERTICES  # noqa: E402

# The official files name modules that SciPy has moved since.
pytestmark = pytest.mark.filterwarnings("ignore:Please import `csc_matrix`:DeprecationWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, open_head, open_hand):
    place = tmp_path_factory.mktemp("stand_ins") / "licensed"
    written = write_stand_ins(place, open_head, open_hand)
    assert sorted(written) == sorted(place.iterdir())
    return place


def unpickled(path):
    with path.open("rb") as file:
        return pickle.load(file, encoding="latin1")


@pytest.mark.parametrize("name", ["generic_model.pkl", "MANO_RIGHT.pkl", "MANO_LEFT.pkl"])
def test_models_are_protocol_2_pickles_that_say_they_are_synthetic(folder, name):
    assert (folder / name).read_bytes()[:2] == b"\x80\x02"
    model = unpickled(folder / name)
    assert model[SYNTHETIC_MARK] is True
    assert isinstance(model["J_regressor"], csc_matrix)
    assert model["kintree_table"][0, 0] == 2**32 - 1
    assert model["J"].shape == (model["J_regressor"].shape[0], 3)


def test_chumpy_arrays_are_written_as_chumpy_writes_them(tmp_path, stand_in_mano):
    class Chumpy:
        pass

    class Reader(pickle.Unpickler):
        def find_class(self, module, name):
            return Chumpy if module.startswith("chumpy.") else super().find_class(module, name)

    shapes = stand_in_mano.shapedirs
    write_model(tmp_path / "model.pkl", stand_in_mano, chumpy=True)
    data = (tmp_path / "model.pkl").read_bytes()
    assert b"chumpy.ch\nCh\n" in data
    assert b"chumpy.reordering\nSelect\n" in data
    assert b"cdice_ros" not in data  # no class of our own
    assert b"numpy._core" not in data
    with (tmp_path / "model.pkl").open("rb") as file:
        model = Reader(file, encoding="latin1").load()
    np.testing.assert_array_equal(model["v_template"].x, stand_in_mano.v_template)
    selection = model["shapedirs"]
    picked = selection.a.x.ravel()[selection.idxs].reshape(selection.preferred_shape)
    np.testing.assert_array_equal(picked, shapes)


def test_a_note_lies_beside_them(folder):
    assert "synthetic" in (folder / "SYNTHETIC.txt").read_text()


def test_landmark_embedding_is_a_dictionary_with_tensors(folder):
    marks = np.load(folder / "landmark_embedding.npy", allow_pickle=True, encoding="latin1")[()]
    shapes = {name: tuple(value.shape) for name, value in marks.items() if name != SYNTHETIC_MARK}
    assert shapes == {
        "static_lmk_faces_idx": (51,),
        "static_lmk_bary_coords": (51, 3),
        "dynamic_lmk_faces_idx": (79, 17),
        "dynamic_lmk_bary_coords": (79, 17, 3),
        "full_lmk_faces_idx": (1, 68),
        "full_lmk_bary_coords": (1, 68, 3),
    }
    assert marks[SYNTHETIC_MARK] is True
    assert marks["dynamic_lmk_faces_idx"].dtype == torch.int64
    assert marks["dynamic_lmk_bary_coords"].dtype == torch.float32
    assert int(marks["dynamic_lmk_faces_idx"].max()) < 9976


@pytest.mark.parametrize(
    ("name", "counts"),
    [("head_mesh_transforms.pt", [5023, 1675, 559]), ("hand_mesh_transforms.pt", [778, 195])],
)
def test_mesh_transforms_are_lists_of_sparse_tensors(folder, name, counts):
    levels = torch.load(folder / name, weights_only=True)
    assert levels[SYNTHETIC_MARK] is True
    steps = list(itertools.pairwise(counts))
    assert [tuple(matrix.shape) for matrix in levels["D"]] == [(to, at) for at, to in steps]
    assert [tuple(matrix.shape) for matrix in levels["U"]] == steps
    assert [len(matrix) for matrix in levels["A"]] == counts
    assert all(matrix.is_sparse for matrices in "AUD" for matrix in levels[matrices])
    for faces, count in zip(levels["F"], counts, strict=True):
        assert int(faces.max()) == count - 1


def test_reference_vertices_are_the_templates(folder):
    for name, model in (
        ("head_ref_vs.pt", "generic_model.pkl"),
        ("rh_ref_vs.pt", "MANO_RIGHT.pkl"),
    ):
        points = torch.load(folder / name, weights_only=False)
        assert isinstance(points, np.ndarray)
        np.testing.assert_allclose(points, unpickled(folder / model)["v_template"], atol=1e-6)


def test_neck_and_stiffness(folder):
    neck, stiffness = np.load(folder / "neck_idx.npy"), np.load(folder / "stiffness_final.npy")
    heights = unpickled(folder / "generic_model.pkl")["v_template"][:, 1]
    assert 100 < len(neck) < 1000
    assert heights[neck].max() < np.median(heights)
    assert stiffness.shape == (5023,)
    assert 0.05 <= stiffness.min() < 0.2
    assert 0.9 < stiffness.max() <= 1.0


def test_writing_them_again_gives_the_same_bytes(folder, tmp_path, open_head, open_hand):
    for path in write_stand_ins(tmp_path, open_head, open_hand):
        first, second = (
            hashlib.sha256(place.read_bytes()).hexdigest() for place in (path, folder / path.name)
        )
        assert first == second, path.name


def test_files_of_the_same_names_are_never_replaced(tmp_path, open_head, open_hand):
    (tmp_path / "SYNTHETIC.txt").write_text("left behind")
    (tmp_path / "MANO_LEFT.pkl").write_text("the real one")
    with pytest.raises(OutputError, match=r"holds SYNTHETIC\.txt, MANO_LEFT\.pkl already"):
        write_stand_ins(tmp_path, open_head, open_hand)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_a_folder_is_filled_whole_or_left_as_it_was(tmp_path, error):
    def fill(folder, error):
        with filling(folder) as scratch:
            (scratch / "one").write_text("1")
            if error:
                raise error
            (scratch / "two").write_text("2")

    with pytest.raises(error):
        fill(tmp_path / "new", error)
    with pytest.raises(error):
        fill(tmp_path, error)
    assert not list(tmp_path.iterdir())
    fill(tmp_path / "new", None)
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["one", "two"]
    with pytest.raises(OutputError, match="holds other files"):
        fill(tmp_path / "new", None)


def test_without_pytorch_the_error_names_the_remedy(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(Exception, match="pip install torch"):
        torch_files.write_array(tmp_path / "array.pt", np.zeros(3))


def test_smplx_reads_and_poses_the_hand(folder):
    smplx = pytest.importorskip("smplx")
    hand = smplx.MANO(
        str(folder / "MANO_RIGHT.pkl"), is_rhand=True, use_pca=False, flat_hand_mean=True
    )
    rest = hand().vertices[0].detach().numpy()
    model = unpickled(folder / "MANO_RIGHT.pkl")
    np.testing.assert_allclose(rest, model["v_template"], atol=1e-6)
    curl = torch.zeros(1, 45)
    curl[:, 2:36:3] = 0.5  # about z, towards the palm
    bent = hand(hand_pose=curl).vertices[0].detach().numpy()
    assert (bent[list(TIP_VERTICES[1:]), 1] < rest[list(TIP_VERTICES[1:]), 1] - 0.01).all()


def test_smplx_reads_and_poses_the_head(folder, tmp_path):
    smplx = pytest.importorskip("smplx")
    model = unpickled(folder / "generic_model.pkl")
    marks = np.load(folder / "landmark_embedding.npy", allow_pickle=True)[()]
    (tmp_path / "FLAME_NEUTRAL.pkl").symlink_to(folder / "generic_model.pkl")
    fixed = {
        "lmk_face_idx": marks["static_lmk_faces_idx"],
        "lmk_b_coords": marks["static_lmk_bary_coords"],
    }
    (tmp_path / "flame_static_embedding.pkl").write_bytes(pickle.dumps(fixed))
    head = smplx.FLAME(str(tmp_path), num_betas=100, num_expression_coeffs=50)
    rest = head().vertices[0].detach().numpy()
    np.testing.assert_allclose(rest, model["v_template"], atol=1e-6)
    opened = head(jaw_pose=torch.tensor([[0.3, 0.0, 0.0]])).vertices[0].detach().numpy()
    chin = model["f"][marks["full_lmk_faces_idx"][0, 8]].astype(int)
    crown = model["v_template"][:, 1].argmax()
    assert (opened[chin, 1] < rest[chin, 1] - 0.01).all()
    assert np.linalg.norm(opened[crown] - rest[crown]) < 2e-3
