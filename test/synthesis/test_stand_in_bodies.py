"""The stand-ins have the counts of the licensed models and look like a head and a hand."""

from dataclasses import fields

import numpy as np
import pytest
from scipy.sparse import csc_matrix, issparse
from scipy.spatial import cKDTree

from dice_ros.body.mesh_mirror import mirror_permutation
from dice_ros.body.region_transfer import open_head_landmarks_68
from dice_ros.body.vertex_normals import vertex_normals
from dice_ros.contact.mesh_surface import MeshNeighbours, MeshSurface
from dice_ros.synthesis.stand_in_bodies import (
    make_stand_in_flame,
    make_stand_in_mano,
    mirror_hand,
)
from dice_ros.synthesis.stand_in_bodies.edge_splitting import mesh_edges, rim_loop
from dice_ros.synthesis.stand_in_bodies.hand_surface import PAD_VERTICES, TIP_VERTICES, hand_surface
from dice_ros.synthesis.stand_in_bodies.head_surface import head_surface
from dice_ros.synthesis.stand_in_bodies.mesh_decimation import thin_mesh
from dice_ros.synthesis.stand_in_bodies.mesh_levels import mesh_levels

MIRROR = np.array([-1.0, 1.0, 1.0])


def landmarks_of(flame):
    """(68, 3) landmarks of the stand-in."""
    corners = flame.v_template[flame.f[flame.landmarks.full.triangles]]
    return np.einsum("lk,lki->li", flame.landmarks.full.barycentric, corners)


def check_disk(triangles, vertex_count, rim_count):
    """One open boundary, at most two triangles at an edge, each direction once, no handles."""
    edges, counts = mesh_edges(triangles)
    assert counts.max() == 2
    assert (counts == 1).sum() == rim_count == len(rim_loop(triangles))
    directed = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    assert len(np.unique(directed, axis=0)) == len(directed)
    assert len(np.unique(triangles)) == vertex_count
    assert vertex_count - len(edges) + len(triangles) == 1
    assert len(triangles) == 2 * vertex_count - 2 - rim_count


def check_facing(points, triangles, open_points, open_triangles):
    """No triangle without area, and nearly all face as the open surface does there."""
    corners = points[triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = 0.5 * np.linalg.norm(normals, axis=1)
    assert areas.min() > 1e-10
    surface = MeshSurface(MeshNeighbours(open_triangles, len(open_points)), open_points)
    expected = surface.normals[surface.closest(corners.mean(axis=1)).vertex]
    assert (np.einsum("ti,ti->t", normals, expected) > 0.0).mean() >= 0.99


@pytest.mark.parametrize(
    ("name", "shape", "dtype"),
    [
        ("v_template", (5023, 3), "float64"),
        ("f", (9976, 3), "uint32"),
        ("shapedirs", (5023, 3, 400), "float64"),
        ("posedirs", (5023, 3, 36), "float64"),
        ("weights", (5023, 5), "float64"),
        ("kintree_table", (2, 5), "uint32"),
        ("stiffness", (5023,), "float64"),
        ("J_regressor", (5, 5023), "float64"),
    ],
)
def test_flame_has_the_official_shapes(stand_in_flame, name, shape, dtype):
    array = getattr(stand_in_flame, name)
    assert array.shape == shape
    assert array.dtype == dtype


@pytest.mark.parametrize(
    ("name", "shape", "dtype"),
    [
        ("v_template", (778, 3), "float64"),
        ("f", (1538, 3), "uint32"),
        ("shapedirs", (778, 3, 10), "float64"),
        ("posedirs", (778, 3, 135), "float64"),
        ("weights", (778, 16), "float64"),
        ("hands_components", (45, 45), "float64"),
        ("hands_mean", (45,), "float64"),
        ("kintree_table", (2, 16), "uint32"),
        ("J_regressor", (16, 778), "float64"),
    ],
)
def test_mano_has_the_official_shapes(stand_in_mano, name, shape, dtype):
    for hand in (stand_in_mano, mirror_hand(stand_in_mano)):
        array = getattr(hand, name)
        assert array.shape == shape
        assert array.dtype == dtype


def test_head_and_hand_are_disks(stand_in_flame, stand_in_mano):
    check_disk(stand_in_flame.f.astype(np.int32), 5023, 68)
    check_disk(stand_in_mano.f.astype(np.int32), 778, 16)
    check_disk(mirror_hand(stand_in_mano).f.astype(np.int32), 778, 16)


def test_triangles_face_as_on_the_open_meshes(open_head, open_hand):
    head, hand = head_surface(open_head), hand_surface(open_hand)
    check_facing(hand.points, hand.triangles, open_hand.template, open_hand.triangles)
    # The membranes over the eyes have no counterpart: they are compared with the way out.
    eye = (head.eye_openness > 0.0).any(axis=0)[head.triangles].any(axis=1)
    check_facing(head.points, head.triangles[~eye], open_head.template, open_head.triangles)
    corners = head.points[head.triangles[eye]]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert np.linalg.norm(normals, axis=1).min() > 1e-10
    gaps = corners.mean(axis=1)[:, None] - head.eye_centres
    out = gaps[np.arange(len(gaps)), np.linalg.norm(gaps, axis=2).argmin(axis=1)]
    assert (np.einsum("ti,ti->t", normals, out) > 0.0).mean() > 0.9


def test_stand_ins_lie_on_the_open_meshes(open_head, open_hand):
    head, hand = head_surface(open_head), hand_surface(open_hand)
    outside = (head.eye_openness == 0.0).all(axis=0)
    surface = MeshSurface(MeshNeighbours(open_head.triangles, 4439), open_head.template)
    assert np.abs(surface.closest(head.points[outside]).signed_distance).max() < 1e-6
    np.testing.assert_array_equal(hand.points, open_hand.template[hand.source].astype(np.float64))
    skin = open_hand.template[:-1]
    assert cKDTree(hand.points).query(skin)[0].max() < 0.012


def test_head_is_exactly_symmetric(stand_in_flame):
    template = stand_in_flame.v_template
    partner = mirror_permutation(template, stand_in_flame.f, tolerance_m=1e-6)
    np.testing.assert_array_equal(partner[partner], np.arange(5023))
    np.testing.assert_allclose(template[partner] * MIRROR, template, atol=1e-6)
    mirrored = np.sort(partner[stand_in_flame.f][:, ::-1], axis=1)
    same = np.unique(np.concatenate([mirrored, np.sort(stand_in_flame.f, axis=1)]), axis=0)
    assert len(same) == 9976


def test_head_faces_along_z_with_its_top_up(stand_in_flame):
    points = landmarks_of(stand_in_flame)
    nose, chin, left_eye = points[30], points[8], points[45]
    assert nose[2] == points[:, 2].max()
    assert chin[1] < points[:, 1].min() + 1e-3
    assert left_eye[0] > 0.02
    assert 0.1 < stand_in_flame.v_template[:, 1].max() < 0.2
    normals = vertex_normals(stand_in_flame.v_template, stand_in_flame.f.astype(np.int32))
    assert normals[stand_in_flame.v_template[:, 2].argmax(), 2] > 0.8


def test_landmarks_are_where_the_open_head_has_them(stand_in_flame, open_head):
    expected = open_head_landmarks_68(open_head) * (1.0, -1.0, -1.0) + (0.0, 0.02, 0.02)
    gaps = np.linalg.norm(landmarks_of(stand_in_flame) - expected, axis=1)
    assert gaps.max() < 0.002


def test_moving_contour_starts_at_the_fixed_one_and_stays_on_its_side(stand_in_flame):
    marks = stand_in_flame.landmarks
    assert marks.dynamic_triangles.shape == (79, 17)
    assert marks.dynamic_barycentric.shape == (79, 17, 3)
    np.testing.assert_allclose(marks.dynamic_barycentric.sum(axis=2), 1.0)
    corners = stand_in_flame.v_template[stand_in_flame.f[marks.dynamic_triangles]]
    places = np.einsum("ylk,ylki->yli", marks.dynamic_barycentric, corners)
    np.testing.assert_allclose(places[0], landmarks_of(stand_in_flame)[:17], atol=1e-9)
    assert (places[:, :6, 0] < 0).all()
    assert (places[:, 11:, 0] > 0).all()
    assert np.linalg.norm(places - places[0], axis=2).max() < 0.045


def test_weights_are_shares_and_joints_are_regressed(stand_in_flame, stand_in_mano):
    for model in (stand_in_flame, stand_in_mano):
        assert model.weights.min() >= 0.0
        np.testing.assert_allclose(model.weights.sum(axis=1), 1.0, atol=1e-12)
        assert isinstance(model.J_regressor, csc_matrix)
        np.testing.assert_allclose(model.J_regressor.sum(axis=1), 1.0, atol=1e-9)
        assert np.abs(model.J_regressor).sum(axis=1).max() < 1.6
        assert (model.weights.max(axis=0) > 0.75).all()


def test_joints_are_inside(stand_in_flame, stand_in_mano, open_hand):
    joints = stand_in_flame.J_regressor @ stand_in_flame.v_template
    root, neck, jaw, left, right = joints
    assert root[1] < neck[1] < jaw[1] < left[1]
    np.testing.assert_allclose(left, right * MIRROR, atol=1e-6)
    assert left[0] > 0.0
    hand = stand_in_mano.J_regressor @ stand_in_mano.v_template
    order = [0, 5, 6, 7, 9, 10, 11, 17, 18, 19, 13, 14, 15, 1, 2, 3]
    found = np.linalg.norm(hand - hand[0], axis=1)
    np.testing.assert_allclose(found, np.linalg.norm(open_hand.joints[order], axis=1), atol=1e-6)


def test_hand_has_manos_axes(stand_in_mano):
    joints = stand_in_mano.J_regressor @ stand_in_mano.v_template
    knuckles = joints[[1, 4, 10, 7]]
    assert (knuckles[:, 0] < joints[0, 0] - 0.05).all()
    assert (np.diff(knuckles[:, 2]) < 0).all()  # index towards +z, pinky towards -z
    palm = np.cross(knuckles[0] - joints[0], knuckles[3] - joints[0])
    assert palm[1] < 0.0


def test_finger_tips_have_manos_numbers(stand_in_mano):
    template = stand_in_mano.v_template
    joints = stand_in_mano.J_regressor @ template
    for end, tip, pad in zip((15, 3, 6, 12, 9), TIP_VERTICES, PAD_VERTICES, strict=True):
        along = joints[end] - joints[end - 1]
        along /= np.linalg.norm(along)
        owned = stand_in_mano.weights.argmax(axis=1) == end
        reach = (template - joints[end]) @ along
        assert owned[tip]
        assert reach[tip] > reach[owned].max() - 0.002
        assert np.linalg.norm(template[pad] - template[tip]) < 0.008


def test_shape_directions_fall_and_the_first_are_visible(stand_in_flame):
    size = np.sqrt((stand_in_flame.shapedirs**2).sum(axis=1).mean(axis=0))
    assert size[0] > 2e-3
    assert size[300] > 5e-4
    assert size[0] > size[40] > size[299] > 0.0
    assert size[300] > size[349] > size[399] > 0.0
    partner = mirror_permutation(stand_in_flame.v_template, stand_in_flame.f)
    symmetric = stand_in_flame.shapedirs[:, :, 40]
    np.testing.assert_allclose(symmetric[partner] * MIRROR, symmetric, atol=1e-12)


def test_left_hand_is_the_mirror_image(stand_in_mano):
    left = mirror_hand(stand_in_mano)
    np.testing.assert_array_equal(left.v_template, stand_in_mano.v_template * MIRROR)
    again = mirror_hand(left)
    for item in fields(again):
        first, second = getattr(again, item.name), getattr(stand_in_mano, item.name)
        assert (first != second).nnz == 0 if issparse(first) else np.array_equal(first, second)


def test_making_them_again_gives_the_same(stand_in_flame, stand_in_mano, open_head, open_hand):
    for first, second in (
        (make_stand_in_flame(open_head), stand_in_flame),
        (make_stand_in_mano(open_hand), stand_in_mano),
    ):
        for item in fields(first):
            here, there = getattr(first, item.name), getattr(second, item.name)
            if issparse(here):
                here, there = here.toarray(), there.toarray()
            if isinstance(here, np.ndarray):
                np.testing.assert_array_equal(here, there)


def test_levels_pick_vertices_and_come_back_near(stand_in_mano):
    template, triangles = stand_in_mano.v_template, stand_in_mano.f.astype(np.int32)
    levels = mesh_levels(template, triangles, (195,))
    down, up = levels.down[0].tocsr(), levels.up[0].tocsr()
    assert down.shape == (195, 778)
    assert up.shape == (778, 195)
    assert (down.sum(axis=1) == 1.0).all()
    assert (down.data == 1.0).all()
    np.testing.assert_allclose(up.sum(axis=1), 1.0)
    assert up.data.min() >= 0.0
    assert np.linalg.norm(up @ (down @ template) - template, axis=1).max() < 0.006
    assert [len(faces) for faces in levels.faces] == [1538, len(levels.faces[1])]
    assert [matrix.shape[0] for matrix in levels.adjacency] == [778, 195]


def test_a_mesh_that_cannot_be_thinned_says_so():
    points = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    with pytest.raises(ValueError, match="cannot be thinned below 3"):
        thin_mesh(points, np.array([[0, 1, 2]], dtype=np.int32), 2)


def test_a_closed_mesh_has_no_rim():
    tetrahedron = np.array([[0, 1, 2], [0, 2, 3], [0, 3, 1], [1, 3, 2]], dtype=np.int32)
    with pytest.raises(ValueError, match="closed"):
        rim_loop(tetrahedron)
