import numpy as np
import pytest

from dice_ros.body.open_hand import OpenHand
from dice_ros.body.open_head import OpenHead
from dice_ros.body.vertex_normals import vertex_normals
from dice_ros.synthesis.casting import HeadAngles, natural_sigma
from dice_ros.synthesis.extrusion import Tube, boundary_loop
from dice_ros.synthesis.figure import Figure, PosedHand
from dice_ros.synthesis.hand_spot import SPOTS_OF_POSTURE, touch_spot
from dice_ros.synthesis.posture import posture_angles
from dice_ros.synthesis.scene import HandState, HeadState
from dice_ros.types import HandSide


@pytest.fixture(scope="module")
def figure(open_head: OpenHead, open_hand: OpenHand) -> Figure:
    return Figure(open_head, open_hand)


def facing_camera(figure: Figure) -> HeadState:
    model = figure.head_model
    return HeadState(
        np.zeros(len(model.identity_basis)),
        np.zeros(len(model.expression_basis)),
        np.eye(3),
        np.array([0.0, 0.0, 0.6]),
    )


def open_hand_of(figure: Figure, side: HandSide, scale: float = 1.0) -> PosedHand:
    state = HandState(side, np.zeros(21), np.zeros(3), scale, np.eye(3), np.array([0.1, 0.1, 0.5]))
    return figure.hand(state)


def volume(vertices: np.ndarray, triangles: np.ndarray) -> float:
    a, b, c = (vertices[triangles[:, corner]].astype(float) for corner in range(3))
    return float(np.einsum("fi,fi->", a, np.cross(b, c)) / 6.0)


def test_a_left_hand_is_the_mirror_image_and_still_faces_outwards(figure: Figure) -> None:
    right = open_hand_of(figure, HandSide.RIGHT)
    left = open_hand_of(figure, HandSide.LEFT)
    wrist = np.array([0.1, 0.1, 0.5])
    mirrored = (right.vertices - wrist) * (-1.0, 1.0, 1.0) + wrist
    np.testing.assert_allclose(left.vertices, mirrored, atol=1e-6)
    assert volume(left.vertices, left.triangles) > 1e-4
    assert volume(right.vertices, right.triangles) == pytest.approx(
        volume(left.vertices, left.triangles), rel=1e-4
    )


def test_scale_makes_a_hand_larger_about_its_wrist(figure: Figure) -> None:
    small, large = (open_hand_of(figure, HandSide.RIGHT, scale) for scale in (1.0, 1.1))
    np.testing.assert_allclose(small.joints[0], large.joints[0], atol=1e-9)
    lengths = [np.linalg.norm(hand.joints[12] - hand.joints[0]) for hand in (small, large)]
    assert lengths[1] == pytest.approx(1.1 * lengths[0])


@pytest.mark.parametrize(
    ("angles", "looks"),
    [
        (HeadAngles(0.0, 0.0, 0.0), (0.0, 0.0, -1.0)),
        (HeadAngles(0.5, 0.0, 0.0), (np.sin(0.5), 0.0, -np.cos(0.5))),
        (HeadAngles(0.0, 0.5, 0.0), (0.0, np.sin(0.5), -np.cos(0.5))),
        (HeadAngles(0.0, 0.0, 0.5), (0.0, 0.0, -1.0)),
    ],
)
def test_head_angles_turn_the_nose_where_they_say(
    angles: HeadAngles, looks: tuple[float, float, float]
) -> None:
    np.testing.assert_allclose(angles.matrix() @ (0.0, 0.0, -1.0), looks, atol=1e-12)


def test_natural_faces_differ_like_adults_and_not_more(figure: Figure) -> None:
    model = figure.head_model
    rng = np.random.default_rng(0)
    sigma = natural_sigma(model)
    widths = []
    for _ in range(200):
        betas = sigma * rng.normal(0.0, 1.0, len(model.identity_basis))
        shape = model.template + np.tensordot(betas, model.identity_basis, axes=1)
        ends = [
            model.landmark_barycentric[number]
            @ shape[model.triangles[model.landmark_triangles[number]]]
            for number in (468, 473)
        ]
        widths.append(np.linalg.norm(ends[0] - ends[1]))
    assert 0.002 < np.std(widths) < 0.006


@pytest.mark.parametrize("side", list(HandSide))
def test_an_arm_starts_at_the_wrist_and_faces_outwards(figure: Figure, side: HandSide) -> None:
    hand = open_hand_of(figure, side)
    head = facing_camera(figure)
    arm = figure.arm(hand, hand.joints[0] + np.array([0.0, 0.25, 0.0]), head)
    np.testing.assert_allclose(arm.vertices[: len(arm.rim)], hand.vertices[arm.rim], atol=1e-6)
    assert_outward(arm)


def test_shoulders_grow_out_of_the_neck(figure: Figure) -> None:
    head = facing_camera(figure)
    vertices = figure.head(head)
    torso = figure.torso(head, vertices)
    np.testing.assert_allclose(torso.vertices[: len(torso.rim)], vertices[torso.rim], atol=1e-6)
    assert_outward(torso)
    width = np.ptp(torso.vertices[:, 0])
    assert 0.35 < width < 0.5


def assert_outward(tube: Tube) -> None:
    rings = tube.vertices.reshape(-1, len(tube.rim), 3)
    outward = (rings - rings.mean(1, keepdims=True)).reshape(-1, 3)
    normals = vertex_normals(tube.vertices, tube.triangles)
    assert (np.einsum("vi,vi->v", normals, outward) > 0).mean() > 0.95


def test_the_longest_boundary_of_a_mesh_is_found_in_order() -> None:
    # Two triangles side by side: the outline runs around both.
    triangles = np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32)
    loop = boundary_loop(triangles).tolist()
    start = loop.index(0)
    assert loop[start:] + loop[:start] == [0, 1, 2, 3]


@pytest.mark.parametrize("posture", list(SPOTS_OF_POSTURE))
def test_the_spot_meant_to_touch_leads_the_hand(figure: Figure, posture: object) -> None:
    angles = posture_angles(posture)  # type: ignore[arg-type]
    vertices, _ = figure.poser.pose(angles)
    for spot in SPOTS_OF_POSTURE[posture]:  # type: ignore[index]
        found = touch_spot(figure.poser, angles, spot)
        assert np.linalg.norm(found.direction) == pytest.approx(1.0)
        front = vertices[(vertices @ found.direction).argmax()]
        assert np.linalg.norm(front - found.point) < found.tolerance + 0.02
