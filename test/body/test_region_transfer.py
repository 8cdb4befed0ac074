"""Regions carried to other meshes: complete, symmetric, and where they belong."""

import numpy as np
import pytest

from dice_ros.body.hand_parts import PART_NAMES, mano_part_labels
from dice_ros.body.mesh_mirror import mirror_permutation
from dice_ros.body.region_labels import patches, swap_sides, without_islands
from dice_ros.body.region_transfer import open_head_landmarks_68, transfer_face_regions
from dice_ros.body.topology import OPEN_LICENCE, make_topology


@pytest.fixture(scope="module")
def face_regions(open_head, stand_in_flame):
    full = stand_in_flame.landmarks.full
    corners = stand_in_flame.v_template[stand_in_flame.f[full.triangles]]
    landmarks = np.einsum("lk,lki->li", full.barycentric, corners)
    return transfer_face_regions(open_head, stand_in_flame.v_template, stand_in_flame.f, landmarks)


@pytest.fixture(scope="module")
def hand_parts(stand_in_mano):
    joints = stand_in_mano.J_regressor @ stand_in_mano.v_template
    return mano_part_labels(stand_in_mano.v_template, joints, stand_in_mano.weights)


def test_every_face_region_is_there(face_regions, open_head):
    assert face_regions.names == open_head.region_names
    assert face_regions.labels.dtype == np.uint8
    assert face_regions.labels.shape == (5023,)
    assert np.bincount(face_regions.labels, minlength=26).min() > 20


def test_face_regions_are_symmetric(face_regions, stand_in_flame):
    partner = mirror_permutation(stand_in_flame.v_template, stand_in_flame.f)
    swapped = swap_sides(face_regions.names)
    np.testing.assert_array_equal(face_regions.labels[partner], swapped[face_regions.labels])


@pytest.mark.parametrize("asymmetry_m", [0.001, 0.003])
def test_regions_of_an_asymmetric_head_are_the_same_on_both_sides(
    stand_in_flame, open_head, asymmetry_m
):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (5023, 3)) * asymmetry_m
    template = stand_in_flame.v_template + noise
    landmarks = open_head_landmarks_68(open_head) * (1.0, -1.0, -1.0) + (0.0, 0.02, 0.02)
    regions = transfer_face_regions(open_head, template, stand_in_flame.f, landmarks)
    partner = mirror_permutation(stand_in_flame.v_template, stand_in_flame.f)
    swapped = swap_sides(regions.names)
    np.testing.assert_array_equal(regions.labels[partner], swapped[regions.labels])


def test_face_regions_are_patches_that_only_the_inside_keeps_apart(face_regions, stand_in_flame):
    labels, triangles = face_regions.labels, stand_in_flame.f.astype(np.int32)
    patch = patches(labels, triangles)
    for number, name in enumerate(face_regions.names[1:], start=1):
        sizes = np.bincount(patch[labels == number])
        for other in np.flatnonzero((sizes > 0) & (sizes < sizes.max())):
            around = triangles[(patch[triangles] == other).any(axis=1)]
            assert set(labels[around].ravel()) <= {0, number}, name


def test_islands_join_their_neighbours():
    triangles = np.array([[n, n + 1, n + 2] for n in range(6)], dtype=np.int32)
    strip = np.array([1, 1, 1, 3, 1, 2, 2, 2], dtype=np.uint8)
    labels = np.array([2, 1, 1, 1, 1, 2, 2, 2], dtype=np.uint8)
    np.testing.assert_array_equal(without_islands(strip, triangles), strip)
    np.testing.assert_array_equal(without_islands(labels, triangles), [1, 1, 1, 1, 1, 2, 2, 2])


def test_sides_are_the_persons_own(face_regions, stand_in_flame):
    x = stand_in_flame.v_template[:, 0]
    for number, name in enumerate(face_regions.names):
        here = x[face_regions.labels == number]
        if name.startswith("left_"):
            assert here.min() > 0, name
        if name.startswith("right_"):
            assert here.max() < 0, name


def test_regions_lie_where_they_should(face_regions, stand_in_flame):
    middles = {
        name: stand_in_flame.v_template[face_regions.labels == number].mean(axis=0)
        for number, name in enumerate(face_regions.names)
    }
    down = ["forehead", "nose_bridge", "nose_tip", "upper_lip", "lower_lip", "chin"]
    heights = [middles[name][1] for name in down]
    assert heights == sorted(heights, reverse=True)
    low = stand_in_flame.v_template[
        face_regions.labels == face_regions.names.index("neck"), 1
    ].min()
    assert low < middles["chin"][1]
    assert middles["nose_tip"][2] > middles["left_cheek"][2] > middles["left_ear"][2]


def test_skin_is_labelled_and_the_inside_of_the_mouth_is_not(
    face_regions, open_head, stand_in_flame
):
    points = stand_in_flame.v_template * (1.0, -1.0, -1.0) + (0.0, 0.02, 0.02)
    gaps = np.linalg.norm(points[:, None] - open_head.template[::7], axis=2)
    found, at = np.nonzero(gaps < 1e-6)
    expected = open_head.region_labels[::7][at]
    skin = expected > 0
    # A few vertices deep inside count as skin on one side of the open head only.
    assert (face_regions.labels[found[skin]] > 0).mean() > 0.99
    assert (face_regions.labels[found[skin]] == expected[skin]).mean() > 0.95
    assert (face_regions.labels == 0).any()


def test_scale_and_place_do_not_matter(face_regions, open_head, stand_in_flame):
    landmarks = open_head_landmarks_68(open_head) * (1.0, -1.0, -1.0) + (0.0, 0.02, 0.02)
    moved = 1.1 * stand_in_flame.v_template + (0.0, 0.3, -0.1)
    other = transfer_face_regions(
        open_head, moved, stand_in_flame.f, 1.1 * landmarks + (0.0, 0.3, -0.1)
    )
    assert (other.labels == face_regions.labels).mean() > 0.97


def test_every_hand_part_is_there(hand_parts, open_hand):
    assert hand_parts.names == PART_NAMES == open_hand.region_names
    counts = np.bincount(hand_parts.labels, minlength=20)
    assert counts[0] == 0
    assert counts[1:].min() > 10


def test_hand_parts_are_those_of_the_open_hand(hand_parts, stand_in_mano, open_hand):
    from dice_ros.synthesis.stand_in_bodies.hand_surface import hand_surface

    expected = open_hand.region_labels[hand_surface(open_hand).source]
    assert (hand_parts.labels == expected).mean() > 0.99


def test_a_topology_names_its_licence(hand_parts, stand_in_mano):
    triangles = stand_in_mano.f.astype(np.int32)
    arguments = ("mano-right-778", triangles, hand_parts.labels, hand_parts.names)
    assert make_topology(*arguments).licence == OPEN_LICENCE
    own = make_topology(*arguments, licence="MANO licence")
    assert own.licence == "MANO licence"
    assert own.mesh_hash == make_topology(*arguments).mesh_hash


def test_names_without_a_partner_are_refused():
    with pytest.raises(ValueError, match="not in tuple"):
        swap_sides(("none", "left_ear"))
