import numpy as np
import pytest
from mesh_areas import vertex_areas

from dice_ros.contact.indentation import indent
from dice_ros.contact.mesh_surface import MeshNeighbours, MeshSurface
from dice_ros.contact.proximity import measure_proximity, proximity_probability
from dice_ros.contact.skin import SkinCompliance, uniform_laplacian
from dice_ros.contact.summary import summarise_contacts
from dice_ros.types import HandSide


@pytest.fixture(scope="module")
def skin(open_head):
    return SkinCompliance(open_head.triangles, open_head.stiffness, open_head.movable)


def cheek_vertex(open_head):
    region = open_head.region_names.index("left_cheek")
    cheek = np.flatnonzero(open_head.region_labels == region)
    centre = open_head.template[cheek].mean(axis=0)
    return int(cheek[np.linalg.norm(open_head.template[cheek] - centre, axis=1).argmin()])


def test_the_displacement_solves_the_stated_minimisation(open_head, skin):
    """The quick solution equals the full sparse system's."""
    touched = np.array([cheek_vertex(open_head)], dtype=np.int32)
    push = np.array([[0.0, 0.0, 3e-3]])
    quick = skin.displacement(touched, push)
    movable = skin.movable
    L = uniform_laplacian(open_head.triangles, 4439)[:, movable].toarray()
    A = 2.0 * L.T @ L + np.diag(0.02 * open_head.stiffness[movable] + 0.002)
    slot = int(np.flatnonzero(movable == touched[0])[0])
    A[slot, slot] += 50.0
    b = np.zeros((len(movable), 3))
    b[slot] = 50.0 * push[0]
    np.testing.assert_allclose(quick, np.linalg.solve(A, b), atol=2e-6)


def test_a_pressed_cheek_follows_and_fades_with_distance(open_head, skin):
    vertex = cheek_vertex(open_head)
    moved = skin.displacement(np.array([vertex], dtype=np.int32), np.array([[0, 0, 3e-3]]))
    size = np.linalg.norm(moved, axis=1)
    distance = np.linalg.norm(open_head.template[skin.movable] - open_head.template[vertex], axis=1)
    assert size.max() == pytest.approx(3e-3, rel=0.3)
    assert size[distance < 0.01].mean() > 3 * size[distance > 0.05].mean()


def hand_before_cheek(open_head, open_hand, depth):
    """The index fingertip pressed ``depth`` metres into the left cheek from the front."""
    tip = open_hand.region_labels == open_hand.region_names.index("index_tip")
    turned = open_hand.template @ np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]]).T
    deepest = turned[tip][turned[tip][:, 2].argmax()]
    target = open_head.template[cheek_vertex(open_head)]
    neighbours = MeshNeighbours(open_hand.triangles, 1611)
    return MeshSurface(neighbours, turned - deepest + target + (0, 0, depth))


def test_pushed_skin_leaves_the_hand(open_head, open_hand, skin):
    hand = hand_before_cheek(open_head, open_hand, 0.003)
    result = indent(skin, open_head.template, [hand])
    assert len(result.touched)
    assert result.left_over_m < 1e-3
    face = open_head.template.copy()
    face[result.vertices] += result.displacement
    before = hand.closest(open_head.template[result.touched]).signed_distance.min()
    after = hand.closest(face[result.touched]).signed_distance.min()
    assert before < -2e-3
    assert after > -1e-3


def test_a_hand_far_away_moves_nothing(open_head, open_hand, skin):
    hand = hand_before_cheek(open_head, open_hand, -0.2)
    result = indent(skin, open_head.template, [hand])
    assert not result.displacement.any()
    assert not len(result.touched)


def test_contact_is_sure_inside_and_gone_at_two_centimetres():
    probability = proximity_probability(np.array([-1e-3, 0.0, 0.02]))
    np.testing.assert_allclose(probability[:2], 1.0)
    assert probability[2] < 1e-4


def test_summaries_count_what_the_vertices_say(open_head, open_hand):
    hand = hand_before_cheek(open_head, open_hand, 0.001)
    neighbours = MeshNeighbours(open_head.triangles, 4439)
    face = MeshSurface(neighbours, open_head.template)
    touchable = np.flatnonzero(open_head.exterior).astype(np.int32)
    proximity = measure_proximity(face, hand, touchable)
    touched = np.flatnonzero(proximity.face >= 0.5).astype(np.int32)
    contacts = summarise_contacts(
        HandSide.RIGHT,
        face=open_head.topology,
        hand=open_hand.topology(HandSide.RIGHT),
        face_vertices=open_head.template,
        face_normals=face.normals,
        deformation=np.zeros_like(open_head.template),
        touched=touched,
        probability=proximity.face[touched],
        hand_vertex=proximity.nearest_hand_vertex[touched],
    )
    assert sum(contact.face_vertex_count for contact in contacts) == len(touched)
    assert "index_tip" in {contact.hand_part for contact in contacts}
    assert "left_cheek" in {contact.face_region for contact in contacts}
    areas = vertex_areas(open_head.template, open_head.triangles)[touched].sum() * 1e6
    assert sum(contact.area_mm2 for contact in contacts) == pytest.approx(areas, rel=1e-5)
    for contact in contacts:
        assert np.linalg.norm(contact.normal) == pytest.approx(1.0, abs=1e-4)
        assert contact.normal[2] < 0.5
