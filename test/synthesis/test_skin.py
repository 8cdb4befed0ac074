import numpy as np
import pytest

from dice_ros.body.open_hand import OpenHand
from dice_ros.body.open_head import OpenHead
from dice_ros.synthesis.figure import Figure, PosedHand
from dice_ros.synthesis.hand_spot import HandSpot, touch_spot
from dice_ros.synthesis.placement import Arrival, FaceTarget
from dice_ros.synthesis.posture import Posture, posture_angles
from dice_ros.synthesis.scene import HandState, HeadState
from dice_ros.synthesis.skin import CONTACT_REACH_M, Skin, Touch
from dice_ros.synthesis.staging import arm_direction, landmark_position
from dice_ros.synthesis.surface_distance import Surface
from dice_ros.types import HandSide

CHEEK, FOREHEAD = 205, 10


class Person:
    """A mean head half a metre away, and index fingers that come to it."""

    def __init__(self, head: OpenHead, hand: OpenHand) -> None:
        self.figure = Figure(head, hand)
        self.skin = Skin(head)
        state = HeadState(
            np.zeros(len(head.identity_basis)),
            np.zeros(len(head.expression_basis)),
            np.eye(3),
            np.array([0.0, 0.0, 0.5]),
        )
        self.face = self.figure.head(state)
        self.target = FaceTarget(self.figure, self.face)

    def arrive(self, landmark: int, side: HandSide = HandSide.RIGHT) -> Arrival:
        angles = posture_angles(Posture.POINT)
        hand = HandState(side, angles, np.zeros(3), 1.0, np.eye(3), np.zeros(3))
        spot = touch_spot(self.figure.poser, angles, HandSpot.INDEX_TIP)
        place = self.target.place(landmark_position(self.figure, self.target, landmark))
        arrival = self.target.arrive(hand, spot, place, arm_direction(side))
        assert arrival is not None
        return arrival

    def press(self, arrival: Arrival, depth: float) -> tuple[PosedHand, Touch]:
        hand = self.figure.hand(arrival.pressed(depth))
        return hand, self.skin.touch(self.face, hand, arrival.push)


@pytest.fixture(scope="module")
def person(open_head: OpenHead, open_hand: OpenHand) -> Person:
    return Person(open_head, open_hand)


@pytest.mark.parametrize("side", list(HandSide))
@pytest.mark.parametrize("depth", [0.001, 0.003, 0.005])
def test_pressed_skin_moves_as_deep_as_the_finger(
    person: Person, depth: float, side: HandSide
) -> None:
    landmark = CHEEK if side is HandSide.RIGHT else 425
    _, touch = person.press(person.arrive(landmark, side), depth)
    moved = np.linalg.norm(touch.deformation, axis=1).max()
    assert moved == pytest.approx(depth, abs=0.0005)


def test_after_a_press_nothing_is_left_inside_anything(person: Person) -> None:
    head = person.figure.head_model
    hand, touch = person.press(person.arrive(CHEEK), 0.005)
    deformed = person.face + touch.deformation
    solid = Surface(hand.vertices, hand.triangles)
    skin_points = deformed[head.exterior]
    before = solid.inside(person.face[head.exterior])
    assert before.any()
    inside = skin_points[solid.inside(skin_points)]
    assert solid.closest(inside).distance.max(initial=0.0) < 2e-4
    assert solid.smallest_distance(skin_points) < 5e-4


def test_contact_marks_exactly_the_vertices_within_reach(person: Person) -> None:
    head = person.figure.head_model
    hand, touch = person.press(person.arrive(CHEEK), 0.003)
    deformed = person.face.astype(np.float64) + touch.deformation
    solid = Surface(hand.vertices, hand.triangles)
    near = solid.closest(deformed).distance <= CONTACT_REACH_M
    assert np.array_equal(touch.face_contact, near & head.exterior)
    assert 0 < touch.face_contact.sum() < 60
    assert 0 < touch.hand_contact.sum() < 120
    tip = person.figure.hand(person.arrive(CHEEK).state).joints[8]
    touching = hand.vertices[touch.hand_contact]
    assert np.linalg.norm(touching - tip, axis=1).max() < 0.03


def test_first_contact_without_pressing_deforms_nothing(person: Person) -> None:
    _, touch = person.press(person.arrive(CHEEK), 0.0)
    assert not touch.deformation.any()
    assert touch.face_contact.any()
    assert touch.hand_contact.any()


def test_skin_far_from_the_finger_stays_where_it_is(person: Person) -> None:
    arrival = person.arrive(CHEEK)
    hand, touch = person.press(arrival, 0.005)
    distance = np.linalg.norm(person.face - hand.joints[8], axis=1)
    moved = np.linalg.norm(touch.deformation, axis=1)
    assert moved[distance > 0.08].max() < 5e-4
    assert moved[distance < 0.01].max() > 0.004


def test_soft_cheeks_give_way_over_a_wider_area_than_the_forehead(person: Person) -> None:
    areas = []
    for landmark in (CHEEK, FOREHEAD):
        _, touch = person.press(person.arrive(landmark), 0.003)
        areas.append(np.linalg.norm(touch.deformation, axis=1).sum())
    assert areas[0] > 1.5 * areas[1]


def test_skin_is_pushed_never_pulled(person: Person) -> None:
    arrival = person.arrive(CHEEK)
    _, touch = person.press(arrival, 0.004)
    along = touch.deformation @ arrival.push
    # A bent plate rises a little around a dent; it must not be dragged towards the finger.
    assert along.min() > -0.0005
    across = touch.deformation - along[:, None] * arrival.push
    assert np.abs(across).max() < 1e-6
