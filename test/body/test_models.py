from contextlib import suppress

import numpy as np
import pytest

from dice_ros.body.model_file import ArraySpec, read_model_file, write_model_file
from dice_ros.body.open_hand import OpenHand
from dice_ros.body.open_head import OpenHead
from dice_ros.body.vertex_normals import vertex_normals
from dice_ros.errors import AssetError
from dice_ros.types import HandSide


def test_the_head_has_the_size_of_an_adult(open_head):
    eyes = np.isin(open_head.materials, (3, 4, 5))
    left, right = (
        open_head.template[eyes & (side * open_head.template[:, 0] > 0)].mean(axis=0)
        for side in (1, -1)
    )
    assert np.linalg.norm(left - right) == pytest.approx(0.0638, abs=1e-3)
    above_ears = np.abs(open_head.template[:, 1] + 0.05) < 0.02
    assert np.ptp(open_head.template[above_ears, 0]) == pytest.approx(0.150, abs=0.012)


def test_the_head_is_symmetric(open_head):
    mirrored = open_head.template[open_head.mirror] * (-1, 1, 1)
    np.testing.assert_allclose(mirrored, open_head.template, atol=2e-4)
    np.testing.assert_array_equal(open_head.mirror[open_head.mirror], np.arange(4439))


def test_head_normals_point_outwards(open_head):
    normals = vertex_normals(open_head.template, open_head.triangles)
    outwards = open_head.template - open_head.template[open_head.exterior].mean(axis=0)
    share = (np.einsum("vi,vi->v", normals, outwards)[open_head.exterior] > 0).mean()
    assert share > 0.9


def test_jaw_open_moves_the_chin_down_and_nothing_moves_at_neutral(open_head):
    jaw = open_head.expression_names.index("jawOpen")
    chin = open_head.region_labels == open_head.region_names.index("chin")
    assert open_head.expression_basis[jaw, chin, 1].mean() > 0.01
    assert not open_head.expression_basis[0].any()


def test_landmarks_lie_where_their_names_say(open_head):
    corners = open_head.template[open_head.triangles[open_head.landmark_triangles]]
    points = np.einsum("lk,lkc->lc", open_head.landmark_barycentric, corners)
    nose, chin, left_eye, right_eye = points[1], points[152], points[263], points[33]
    assert nose[2] == points[:, 2].min() or nose[2] < points[:, 2].min() + 0.01
    assert chin[1] > 0.08
    assert left_eye[0] > 0.03 > -0.03 > right_eye[0]
    trusted = open_head.landmark_spread < 3e-3
    assert trusted.sum() > 300


def test_regions_cover_the_skin_symmetrically(open_head):
    names, labels = open_head.region_names, open_head.region_labels
    assert len(names) >= 21
    assert (labels[open_head.exterior] > 0).all()
    assert (labels[~open_head.exterior] == 0).all()
    assert set(np.unique(labels)) == set(range(len(names)))
    swapped = np.array(
        [
            names.index(name.replace("left", "#").replace("right", "left").replace("#", "right"))
            for name in names
        ]
    )
    both = open_head.exterior & open_head.exterior[open_head.mirror]
    agree = (swapped[labels[open_head.mirror]] == labels)[both].mean()
    assert agree > 0.97


def test_cheeks_are_softer_than_the_forehead(open_head):
    def stiffness(region):
        return open_head.stiffness[
            open_head.region_labels == open_head.region_names.index(region)
        ].mean()

    assert stiffness("left_cheek") < 0.3
    assert stiffness("forehead") > 0.8


def test_the_hand_is_watertight_and_of_adult_size(open_hand):
    edges = np.concatenate([open_hand.triangles[:, pair] for pair in ([0, 1], [1, 2], [2, 0])])
    _, counts = np.unique(np.sort(edges, axis=1), axis=0, return_counts=True)
    assert (counts == 2).all()
    a, b, c = (open_hand.template[open_hand.triangles[:, k]] for k in range(3))
    volume_cm3 = np.einsum("fi,fi->", a, np.cross(b, c)) / 6 * 1e6
    assert 200 < volume_cm3 < 300
    assert np.linalg.norm(open_hand.joints[9]) == pytest.approx(0.097, abs=1e-3)
    np.testing.assert_allclose(open_hand.weights.sum(axis=1), 1.0, atol=1e-5)


def test_every_hand_part_is_on_the_hand(open_hand):
    assert set(np.unique(open_hand.region_labels)) == set(range(1, len(open_hand.region_names)))


def test_topologies_differ_by_side_and_name_their_size(open_hand, open_head):
    right, left = open_hand.topology(HandSide.RIGHT), open_hand.topology(HandSide.LEFT)
    assert right.mesh_hash != left.mesh_hash
    np.testing.assert_array_equal(right.triangles[:, ::-1], left.triangles)
    for topology in (right, left, open_head.topology):
        assert topology.id.endswith(str(topology.vertex_count))


@pytest.mark.parametrize("damage", ["truncate", "wrong_shape", "remove"])
def test_a_damaged_model_file_names_the_command_to_run(asset_dir, tmp_path, damage):
    path = tmp_path / "hand.npz"
    data = (asset_dir / "hand.npz").read_bytes()
    if damage == "truncate":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "wrong_shape":
        np.savez(path, template=np.zeros((3, 3), dtype=np.float32))
    with pytest.raises(AssetError, match="dice-ros assets"):
        OpenHand.load(path)


@pytest.fixture(scope="module")
def small_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("small") / "small.npz"
    write_model_file(path, {"a": np.arange(6, dtype=np.float32).reshape(2, 3)})
    return path


SPECS = {"a": ArraySpec((2, 3), "float32")}


def test_every_damaged_byte_is_refused_or_harmless(small_file, tmp_path):
    data, path = small_file.read_bytes(), tmp_path / "damaged.npz"
    for place in range(len(data)):
        for value in (data[place] ^ 0xFF, data[place] ^ 0x01, 0x28):
            path.write_bytes(data[:place] + bytes([value]) + data[place + 1 :])
            with suppress(AssetError):
                assert read_model_file(path, SPECS)["a"].shape == (2, 3)


def test_a_member_that_unpacks_to_too_much_is_not_unpacked(tmp_path):
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, a=np.zeros(4_000_000, dtype=np.float32))
    with pytest.raises(AssetError, match="unpacks to 16000128 bytes"):
        read_model_file(path, SPECS)


def test_members_nobody_asked_for_are_not_read(tmp_path):
    path = tmp_path / "more.npz"
    np.savez(path, a=np.zeros((2, 3), np.float32), other=np.array([object()]), more=np.zeros(9))
    assert list(read_model_file(path, SPECS)) == ["a"]


@pytest.mark.parametrize("content", [b"\x93NUMPY", b"", b"not a file", b"PK\x03\x04"])
def test_what_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(AssetError, match="damaged"):
        read_model_file(tmp_path / "x.npz", SPECS)


def test_a_head_file_is_no_hand_file(asset_dir):
    with pytest.raises(AssetError):
        OpenHead.load(asset_dir / "hand.npz")
