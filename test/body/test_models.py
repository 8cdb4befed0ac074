import io
import os
import zipfile

import numpy as np
import pytest

from dice_ros.body.model_file import ArraySpec, read_model_file, write_model_file
from dice_ros.body.open_hand import OpenHand
from dice_ros.body.open_head import OpenHead
from dice_ros.body.region_labels import patches, swap_sides
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
    assert len(names) == 26
    assert (labels[open_head.exterior] > 0).all()
    assert (labels[~open_head.exterior] == 0).all()
    assert set(np.unique(labels)) == set(range(len(names)))
    np.testing.assert_array_equal(swap_sides(names)[labels], labels[open_head.mirror])


def test_every_region_of_the_head_is_one_patch(open_head):
    patch = patches(open_head.region_labels, open_head.triangles)
    for number, name in enumerate(open_head.region_names[1:], start=1):
        assert len(np.unique(patch[open_head.region_labels == number])) == 1, name


def test_every_part_of_the_hand_is_one_patch(open_hand):
    patch = patches(open_hand.region_labels, open_hand.triangles)
    assert len(np.unique(patch)) == len(open_hand.region_names) - 1


def test_the_temple_ends_at_the_ear_and_the_jaw_at_its_lobe(open_head):
    def places(name):
        chosen = open_head.region_labels == open_head.region_names.index(name)
        return open_head.template[chosen]

    ear, temple, jaw = places("left_ear"), places("left_temple"), places("left_jaw")
    assert temple[:, 2].max() <= ear[:, 2].min()
    assert jaw[:, 2].max() <= np.median(ear[:, 2]) + 1e-6
    assert places("scalp")[:, 1].max() <= ear[:, 1].max()
    assert places("neck")[:, 1].mean() > places("chin")[:, 1].mean()


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


def packed(path, members):
    """An archive of raw members, compressed."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


SPECS = {"a": ArraySpec((3,), "float32"), "free": ArraySpec((-1,), "int32")}


def stored(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def test_only_the_arrays_that_are_asked_for_are_read(tmp_path):
    path = tmp_path / "model.npz"
    a, free = np.arange(3, dtype=np.float32), np.arange(9, dtype=np.int32)
    packed(path, {"a.npy": stored(a), "free.npy": stored(free), "more.npy": b"no array at all"})
    found = read_model_file(path, SPECS)
    assert list(found) == ["a", "free"]
    np.testing.assert_array_equal(found["free"], free)


@pytest.mark.parametrize(
    "damage",
    {
        "an open bracket": b"\x93NUMPY\x01\x00\x0e\x00{'descr': ((((",
        "no text": b"\x93NUMPY\x01\x00\x06\x00\xff\xfe\x00\x00\n\n",
        "empty": b"",
        "objects": b"\x93NUMPY\x01\x00\x3b\x00"
        + b"{'descr': '|O', 'fortran_order': False, 'shape': (3,), }\n".ljust(59),
    }.items(),
    ids=lambda item: item[0],
)
def test_any_damage_becomes_an_error_that_names_the_remedy(tmp_path, damage):
    path = tmp_path / "model.npz"
    packed(path, {"a.npy": damage[1], "free.npy": stored(np.zeros(2, np.int32))})
    with pytest.raises(AssetError, match=r"model\.npz.*run this"):
        read_model_file(path, SPECS, remedy="run this")


def test_an_unknown_compression_becomes_an_error(tmp_path):
    path = tmp_path / "model.npz"
    packed(path, {"a.npy": stored(np.zeros(3, np.float32))})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 10] = 99
    path.write_bytes(data)
    with pytest.raises(AssetError, match="is damaged"):
        read_model_file(path, SPECS)


@pytest.mark.parametrize("name", ["a", "free"])
def test_an_array_that_unpacks_to_gigabytes_stays_packed(tmp_path, name):
    path = tmp_path / "model.npz"
    members = {"a.npy": stored(np.zeros(3, np.float32)), "free.npy": stored(np.zeros(2, np.int32))}
    packed(path, members | {f"{name}.npy": stored(np.zeros(4 << 20, np.float32))})
    assert path.stat().st_size < 100_000
    with pytest.raises(AssetError, match=rf"array '{name}' takes \d+ bytes, expected at most"):
        read_model_file(path, SPECS)


def test_a_model_file_is_on_the_disk_before_it_takes_its_name(tmp_path, monkeypatch):
    settled = []
    settle = os.fsync

    def watch(handle):
        settled.append(os.path.realpath(f"/proc/self/fd/{handle}"))
        settle(handle)

    monkeypatch.setattr(os, "fsync", watch)
    write_model_file(tmp_path / "model.npz", {"a": np.zeros(3, np.float32)})
    assert len(settled) == 2
    assert settled[0].endswith(".part")
    assert settled[1] == str(tmp_path.resolve())
    assert [path.name for path in tmp_path.iterdir()] == ["model.npz"]


def test_a_head_file_is_no_hand_file(asset_dir):
    with pytest.raises(AssetError):
        OpenHead.load(asset_dir / "hand.npz")
