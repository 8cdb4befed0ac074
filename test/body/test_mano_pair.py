"""Both MANO hands: read, repaired, stored."""

import dataclasses

import numpy as np
import pytest

from dice_ros.body.licensed_bodies import read_licensed_hands
from dice_ros.body.mano_pair import ManoPair, is_hands_file, load_hands, repaired_left, save_hands
from dice_ros.errors import AssetError
from dice_ros.types import HandSide

MIRROR = np.float32([-1, 1, 1])


@pytest.fixture(scope="module")
def hands(licensed_stand_ins) -> ManoPair:
    return read_licensed_hands(licensed_stand_ins)


def test_the_left_hand_is_the_right_one_in_a_mirror(hands):
    right, left = hands.right.arrays, hands.left.arrays
    np.testing.assert_allclose(left.template, right.template * MIRROR, atol=1e-7)
    np.testing.assert_allclose(
        left.shape_directions, right.shape_directions * MIRROR[:, None], atol=1e-7
    )
    np.testing.assert_allclose(
        hands.left.mean_pose.reshape(15, 3), hands.right.mean_pose.reshape(15, 3) * -MIRROR
    )
    assert hands.of(HandSide.LEFT) is hands.left
    assert hands.synthetic


def test_unmirrored_shape_directions_are_repaired_and_right_ones_kept(hands):
    right, left = hands.right.arrays, hands.left.arrays
    # As distributed: x of the left hand's shape directions is that of the right one.
    distributed = dataclasses.replace(left, shape_directions=right.shape_directions)
    repaired = repaired_left(right, distributed)
    np.testing.assert_allclose(repaired.shape_directions, left.shape_directions, atol=1e-7)
    assert repaired_left(right, left) is left


def test_what_is_saved_is_loaded_and_always_the_same_bytes(hands, tmp_path):
    for name in ("a.npz", "b.npz"):
        save_hands(tmp_path / name, hands)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert is_hands_file(tmp_path / "a.npz")
    loaded = load_hands(tmp_path / "a.npz")
    assert loaded.synthetic
    for side in HandSide:
        np.testing.assert_array_equal(loaded.of(side).mean_pose, hands.of(side).mean_pose)
        for item in dataclasses.fields(hands.right.arrays):
            np.testing.assert_array_equal(
                getattr(loaded.of(side).arrays, item.name),
                getattr(hands.of(side).arrays, item.name),
            )


def test_damage_is_named_with_its_remedy(hands, tmp_path):
    broken = dataclasses.replace(hands.left, mean_pose=np.full(45, np.nan, dtype=np.float32))
    save_hands(tmp_path / "nan.npz", dataclasses.replace(hands, left=broken))
    with pytest.raises(AssetError, match=r"left.mean_pose.*dice-ros convert hands"):
        load_hands(tmp_path / "nan.npz")
    far = dataclasses.replace(hands.right.arrays, triangles=np.full((1538, 3), 778, dtype=np.int32))
    wrong = dataclasses.replace(hands.right, arrays=far)
    save_hands(tmp_path / "far.npz", dataclasses.replace(hands, right=wrong))
    with pytest.raises(AssetError, match=r"right.triangles.*expected 0..777"):
        load_hands(tmp_path / "far.npz")
    with pytest.raises(AssetError, match="convert hands"):
        load_hands(tmp_path / "missing.npz")


def test_missing_hands_are_listed_with_their_source(tmp_path):
    with pytest.raises(AssetError, match=r"2 files are missing[\s\S]*mano.is.tue.mpg.de"):
        read_licensed_hands(tmp_path)
