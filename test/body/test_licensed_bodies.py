"""The licensed files together: which one counts, do they belong, are they stand-ins."""

import pickle
import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="real torch files are made with torch")

from dice_ros.body.licensed_bodies import read_licensed_bodies  # noqa: E402
from dice_ros.body.licensed_files import BODY_FILES, NECK, find_file  # noqa: E402
from dice_ros.checkpoints.synthetic_mark import NOTE_NAME, SYNTHETIC_MARK  # noqa: E402
from dice_ros.errors import AssetError  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:Please import `csc_matrix`:DeprecationWarning")
DICTIONARIES = (
    *("generic_model.pkl", "MANO_RIGHT.pkl", "landmark_embedding.npy"),
    *("head_mesh_transforms.pt", "hand_mesh_transforms.pt"),
)


def unmark(path):
    """Take the mark off, as if the file were the licensed one."""
    if path.suffix == ".pt":
        content = torch.load(path, weights_only=True)
        del content[SYNTHETIC_MARK]
        torch.save(content, path)
    elif path.suffix == ".npy":
        content = np.load(path, allow_pickle=True)[()]
        del content[SYNTHETIC_MARK]
        np.save(path, np.array(content, object), allow_pickle=True)
    else:
        content = pickle.loads(path.read_bytes(), encoding="latin1")
        del content[SYNTHETIC_MARK]
        path.write_bytes(pickle.dumps(content, 2))


@pytest.fixture(scope="module")
def unmarked(licensed_stand_ins, tmp_path_factory):
    """Files that nothing tells from licensed ones."""
    folder = tmp_path_factory.mktemp("unmarked")
    for item in BODY_FILES:
        shutil.copy(licensed_stand_ins / item.name, folder)
    for name in DICTIONARIES:
        unmark(folder / name)
    return folder


@pytest.fixture
def folder(unmarked, tmp_path):
    for path in unmarked.iterdir():
        (tmp_path / path.name).hardlink_to(path)
    return tmp_path


def test_files_without_a_mark_are_taken_for_licensed_ones(folder):
    assert not read_licensed_bodies(folder).synthetic


@pytest.mark.parametrize("name", DICTIONARIES)
def test_one_marked_file_marks_everything(folder, licensed_stand_ins, name):
    (folder / name).unlink()
    shutil.copy(licensed_stand_ins / name, folder)
    assert read_licensed_bodies(folder).synthetic


@pytest.mark.parametrize("name", ["head_ref_vs.pt", "rh_ref_vs.pt", "neck_idx.npy"])
def test_the_note_speaks_for_files_that_carry_no_mark(folder, name):
    apart = folder / "stand_ins"
    apart.mkdir()
    (apart / NOTE_NAME).touch()
    (folder / name).rename(apart / name)
    assert read_licensed_bodies(folder).synthetic


@pytest.mark.parametrize(
    ("name", "model"), [("head_ref_vs.pt", "generic_model"), ("rh_ref_vs.pt", "MANO_RIGHT")]
)
def test_a_template_of_another_model_is_refused_and_another_version_told(
    folder, name, model, caplog
):
    rest = torch.load(folder / name, weights_only=False)
    (folder / name).unlink()
    torch.save(rest + np.float32(3e-5), folder / name)  # rounding
    read_licensed_bodies(folder)
    assert not caplog.records
    rest[7] += np.float32(2e-3)
    torch.save(rest, folder / name)
    read_licensed_bodies(folder)
    assert "2.00 mm" in caplog.text
    rest[7] += np.float32(28e-3)
    torch.save(rest, folder / name)
    with pytest.raises(AssetError, match=rf"{name} and the template in .*{model}.* 30\.00 mm"):
        read_licensed_bodies(folder)


def test_files_of_one_name_and_size_but_other_content_are_refused(tmp_path):
    for number, name in enumerate(("one", "two")):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / NECK.name, np.array([number, 2]))
    with pytest.raises(AssetError, match="several different files are named"):
        find_file(tmp_path, NECK)
    shutil.copy(tmp_path / "one" / NECK.name, tmp_path / "two" / NECK.name)
    assert find_file(tmp_path, NECK) == tmp_path / "one" / NECK.name
