"""The reader of Decaf against a set that the project films itself."""

import pickle
import shutil

import numpy as np
import pytest

pytest.importorskip(
    "torch", reason="posing bodies needs PyTorch: pip install torch smplx safetensors"
)

from dice_ros.datasets.decaf_camera import read_camera
from dice_ros.datasets.decaf_layout import DecafLayout, Split, Video, videos
from dice_ros.datasets.decaf_pictures import DecafPictures, crop_lefts
from dice_ros.datasets.decaf_subject import DecafSubject
from dice_ros.errors import CheckpointError, InputError
from dice_ros.evaluation.decaf_evaluation import DecafEvaluation

FIRST = Video("S1", "108")


@pytest.fixture
def layout(decaf_root):
    return DecafLayout(decaf_root, Split.TEST)


@pytest.fixture
def copy(decaf_root, tmp_path):
    """A copy that may be damaged; the large models are links."""
    shutil.copytree(decaf_root, tmp_path / "set", copy_function=shutil.copy)
    return DecafLayout(tmp_path / "set", Split.TEST)


def test_splits_are_the_published_ones():
    assert videos(Split.TEST) == tuple(Video(name, "108") for name in ("S1", "S3", "S6"))
    train = videos(Split.TRAIN)
    assert len(train) == 5 * 8 - 1
    assert Video("S5", "111") not in train


def test_frames_with_contact_deform_and_hovering_ones_do_not(layout):
    labels = DecafSubject(layout, "S1").labels([0, 1, 2])
    touching = labels.head_contact.any(axis=1)
    np.testing.assert_array_equal(touching, [True, True, False])
    np.testing.assert_array_equal(touching, labels.hand_contact.any(axis=1))
    deepest = np.linalg.norm(labels.deformation, axis=2).max(axis=1)
    assert (deepest[:2] > 0.004).all()
    assert deepest[2] == 0.0


def test_neck_labels_are_taken_out(copy):
    labels = DecafSubject(copy, "S1").labels([0])
    vertex = int(np.flatnonzero(labels.head_contact[0])[0])
    np.save(copy.contact_neck, np.array([vertex]))
    np.save(copy.deformation_neck, np.array([vertex]))
    again = DecafSubject(copy, "S1").labels([0])
    assert not again.head_contact[0, vertex]
    assert not again.deformation[0, vertex].any()


def test_truth_is_where_the_pictures_show_it(layout):
    """Joints in the camera's axes differ from projected ones by the camera's place alone."""
    evaluation = DecafEvaluation(layout)
    camera = read_camera(layout.cameras("S1"), "108")
    truth = evaluation._truth(evaluation._videos[0], [0, 1])
    keys = np.load(layout.root / "test" / "right_hand_keys" / "S1" / "108.npy")[:2, :, :2]
    points = truth.joints + camera.world_to_camera[:3, 3]
    pixels = points[..., :2] / points[..., 2:] @ camera.camera.K[:2, :2].T + camera.camera.K[:2, 2]
    np.testing.assert_allclose(pixels, keys, atol=1e-2)


def test_contact_labels_agree_with_the_deformed_meshes(layout):
    evaluation = DecafEvaluation(layout)
    truth = evaluation._truth(evaluation._videos[0], [0, 1, 2])
    np.testing.assert_array_equal(
        evaluation.scorer.true_touching(truth), truth.head_contact.any(axis=1)
    )


def test_squares_follow_head_and_hand_and_stay_in_the_picture():
    head = np.array([[900, 300, 1100, 600], [0, 0, 100, 100], [1800, 0, 1920, 90], [-1, 0, 5, 5]])
    hand = np.array([[700, 500, 900, 800], [0, 0, 50, 50], [1800, 0, 1900, 90], [0, 0, 10, 10]])
    # Third: clamped on the right. Fourth: an invalid box counts as the whole picture.
    np.testing.assert_array_equal(crop_lefts(head, hand), [360, 0, 840, 0])
    invalid = crop_lefts(np.array([[-1, -1, -1, -1]]), np.array([[1000, 0, 1000, 1080]]))
    np.testing.assert_array_equal(invalid, [440])


def test_squares_are_cut_from_the_video_or_read_as_cut_before(layout, tmp_path):
    import cv2

    wanted = list(DecafPictures(layout, FIRST, 3).read([0, 2]))
    assert [item.frame for item in wanted] == [0, 2]
    for item in wanted:
        assert item.image.shape == (1080, 1920, 3)
        np.testing.assert_array_equal(item.crop, item.image[:, item.left : item.left + 1080])
        path = layout.crop(tmp_path, FIRST, item.frame)
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), cv2.cvtColor(item.crop, cv2.COLOR_RGB2BGR))
    cut = list(DecafPictures(layout, FIRST, 3, crops=tmp_path).read([0, 2]))
    for one, other in zip(cut, wanted, strict=True):
        assert one.image is None
        assert np.abs(one.crop.astype(int) - other.crop.astype(int)).mean() < 5
    with pytest.raises(InputError, match=r"00001\.jpg is missing"):
        list(DecafPictures(layout, FIRST, 3, crops=tmp_path).read([1]))


def test_a_missing_file_is_named_with_what_belongs_there(copy):
    copy.deformations("S3").unlink()
    with pytest.raises(InputError, match=r"S3.*deforms\.npy is missing: .*\(n, 5023, 3\)"):
        DecafEvaluation(copy)


def test_files_of_different_length_are_named(copy):
    path = copy.hand_contacts("S6")
    np.save(path, np.load(path)[:-1])
    with pytest.raises(InputError, match=r"contacts_rh\.npy holds .*\(2, 778\).*\(3, 778\)"):
        DecafEvaluation(copy)


def test_damaged_arrays_and_pickles_are_named(copy):
    path = copy.head_transforms("S1")
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match=r"RT_FromCanToRef_wo_poseparams\.npy is damaged"):
        DecafEvaluation(copy)
    np.save(path, np.tile(np.eye(4), (3, 1, 1)))
    params = copy.parameters("S1")
    whole = params.read_bytes()
    params.write_bytes(whole[:500])
    with pytest.raises(CheckpointError, match=r"params_smoothed\.pkl"):
        DecafEvaluation(copy)
    stored = pickle.loads(whole)
    del stored["00001"]["right_hand"]["transl"]
    params.write_bytes(pickle.dumps(stored))
    with pytest.raises(InputError, match=r"\['right_hand'\]\['transl'\]"):
        DecafEvaluation(copy)


def test_hostile_pickles_are_not_executed(copy, tmp_path):
    class Payload:
        def __reduce__(self):
            return (open, (str(tmp_path / "stolen"), "w"))

    copy.cameras("S1").write_bytes(pickle.dumps({"108": Payload()}))
    with pytest.raises(CheckpointError, match="open"):
        DecafEvaluation(copy)
    assert not (tmp_path / "stolen").exists()


def test_an_unknown_camera_is_named_with_those_there_are(layout):
    with pytest.raises(InputError, match="no camera '999', only: 108"):
        read_camera(layout.cameras("S1"), "999")


def test_a_short_video_is_named(copy):
    with pytest.raises(InputError, match=r"108\.mp4 ends or is damaged before frame 5"):
        list(DecafPictures(copy, FIRST, 3).read([5]))
    copy.video(FIRST).unlink()
    with pytest.raises(InputError, match=r"108\.mp4 is missing"):
        DecafPictures(copy, FIRST, 3)
