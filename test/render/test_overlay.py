import dataclasses

import numpy as np
import pytest

from dice_ros.camera import Camera
from dice_ros.render.overlay import LONGEST_SIDE_PX, OverlayRenderer
from dice_ros.types import (
    Box,
    Contact,
    ContactSource,
    DeformationSource,
    Face,
    Frame,
    Hand,
    HandSide,
    Interaction,
    MeshTopology,
    Pose,
    ScaleSource,
    TouchDecision,
)

CENTRE = np.array([0.0, 0.0, 0.6])


def ball(radius: float, centre: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A sphere seen from outside, as (V, 3) vertices and (F, 3) triangles."""
    rings, segments = 24, 32
    theta, phi = np.meshgrid(
        np.linspace(0, np.pi, rings), np.linspace(0, 2 * np.pi, segments), indexing="ij"
    )
    unit = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], -1)
    unit = unit.round(9)  # the seam and the poles close exactly
    index = np.arange(rings * segments).reshape(rings, segments)
    a, b, c, d = (
        part.ravel() for part in (index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:])
    )
    triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]).astype(np.int32)
    return (unit.reshape(-1, 3) * radius + centre).astype(np.float32), triangles


def topology(name: str) -> MeshTopology:
    vertices, triangles = ball(1.0, CENTRE)
    labels = np.zeros(len(vertices), dtype=np.uint8)
    return MeshTopology(name, triangles, labels, ("none",), "0" * 64, "made for a test")


TOPOLOGIES = (topology("test-face"), topology("test-hand"))


def face(contact: np.ndarray | float = 0.0, deformation: np.ndarray | float = 0.0) -> Face:
    vertices, _ = ball(0.1, CENTRE)
    count = len(vertices)
    return Face(
        confidence=1.0,
        box=Box(0, 0, 1, 1),
        pose=Pose(np.eye(3), CENTRE),
        topology="test-face",
        vertices=vertices,
        deformation=np.broadcast_to(np.float32(deformation), (count, 3)),
        contact=np.broadcast_to(np.float32(contact), (count,)),
        landmarks=vertices,
        landmarks_image=vertices[:, :2],
        betas=np.zeros(0, np.float32),
        expression=np.zeros(0, np.float32),
        fit_rms_px=1.0,
    )


def hand(centre: np.ndarray, radius: float = 0.04, side: HandSide = HandSide.RIGHT) -> Hand:
    vertices, _ = ball(radius, centre)
    return Hand(
        side=side,
        confidence=1.0,
        box=Box(0, 0, 1, 1),
        topology="test-hand",
        vertices=vertices,
        joints=np.zeros((21, 3), np.float32),
        contact=np.zeros(len(vertices), np.float32),
        contact_presence=0.9,
        touch=TouchDecision.CONTACT,
        global_orient=np.zeros(3, np.float32),
        transl=np.zeros(3, np.float32),
        hand_pose=np.zeros(21, np.float32),
        betas=np.zeros(3, np.float32),
        scale=1.0,
        depth_ratio=1.0,
        fit_rms_px=1.0,
    )


def interaction(camera: Camera, shown_face: Face | None, *hands: Hand) -> Interaction:
    touch = Contact(
        HandSide.RIGHT, "index_tip", "cheek_right", 0.9, 100.0, 2.0, CENTRE, CENTRE, 3, 4
    )
    return Interaction(
        stamp_ns=0,
        frame_id="camera",
        person_id=1,
        source="landmark_fit",
        face=shown_face,
        hands=hands,
        contacts=(touch,),
        camera=camera,
        scale_source=ScaleSource.POPULATION_MEAN,
        contact_source=ContactSource.PROXIMITY_PRIOR,
        deformation_source=DeformationSource.INDENTATION_PRIOR,
    )


def grey(width: int, height: int) -> Frame:
    return Frame(np.full((height, width, 3), 128, np.uint8), 0)


def is_red(pixel: np.ndarray) -> bool:
    red, green, blue = pixel.astype(int)
    return bool(red > 1.4 * max(green, blue))


@pytest.mark.parametrize(
    ("width", "height"), [(160, 120), (121, 333), (641, 479), (1, 1), (3, 900), (3840, 2160)]
)
def test_pictures_of_any_size_are_drawn_at_most_so_large(width: int, height: int) -> None:
    camera = Camera.assume(width, height)
    shown = interaction(camera, face(), hand(CENTRE + np.array([0.05, 0.0, -0.12])))
    drawn = OverlayRenderer(TOPOLOGIES).draw(grey(width, height), [shown])
    assert drawn.dtype == np.uint8
    assert max(drawn.shape) <= LONGEST_SIDE_PX
    assert drawn.shape[0] == max(1, round(height * min(1, LONGEST_SIDE_PX / max(width, height))))
    if min(width, height) > 100:
        assert (drawn != 128).any()


def test_the_input_image_stays_untouched() -> None:
    frame = grey(320, 240)
    before = frame.image.copy()
    OverlayRenderer(TOPOLOGIES).draw(frame, [interaction(Camera.assume(320, 240), face())])
    assert np.array_equal(frame.image, before)


def test_face_vertices_in_contact_are_red_where_seen() -> None:
    camera = Camera.assume(640, 480)
    vertices = face().vertices
    touched = (vertices[:, 0] > 0.03) & (vertices[:, 2] < 0.55)
    shown = interaction(camera, face(contact=touched.astype(np.float32)))
    drawn = OverlayRenderer(TOPOLOGIES).draw(grey(640, 480), [shown])
    inner = touched & (vertices[:, 0] > 0.045) & (vertices[:, 1] < 0.05)
    clear = (vertices[:, 0] < 0.0) & (vertices[:, 2] < 0.55) & (vertices[:, 1] < 0.0)
    for points, expected in ((vertices[inner], True), (vertices[clear], False)):
        pixels = np.rint(camera.project(points)).astype(int)
        assert len(pixels) > 5
        assert all(is_red(drawn[v, u]) is expected for u, v in pixels)


def test_contact_shows_through_the_hand_that_covers_it() -> None:
    camera = Camera.assume(640, 480)
    covering = hand(CENTRE - np.array([0.0, 0.0, 0.13]))
    vertices = face().vertices
    touched = (np.linalg.norm(vertices[:, :2], axis=1) < 0.02) & (vertices[:, 2] < 0.6)
    renderer = OverlayRenderer(TOPOLOGIES)
    with_contact = renderer.draw(
        grey(640, 480), [interaction(camera, face(touched.astype(np.float32)), covering)]
    )
    without = renderer.draw(grey(640, 480), [interaction(camera, face(), covering)])
    assert is_red(with_contact[240, 320])
    assert not is_red(without[240, 320])


def test_deformed_skin_has_another_colour_than_the_rest() -> None:
    camera = Camera.assume(640, 480)
    bent = np.where(face().vertices[:, :1] > 0.02, np.float32([0.0, 0.0, 0.005]), 0.0)
    drawn = (
        OverlayRenderer(TOPOLOGIES)
        .draw(grey(640, 480), [interaction(camera, face(deformation=bent))])
        .astype(int)
    )
    moved, still = drawn[220, 370], drawn[220, 270]
    assert moved[0] > moved[1] + 50  # magenta
    assert abs(still[0] - still[1]) < 30


def test_a_hand_behind_the_head_is_hidden() -> None:
    camera = Camera.assume(640, 480)
    renderer = OverlayRenderer(TOPOLOGIES)
    alone = renderer.draw(grey(640, 480), [interaction(camera, face())])
    behind = hand(CENTRE + np.array([0.0, 0.0, 0.3]))
    both = renderer.draw(grey(640, 480), [interaction(camera, face(), behind)])
    assert np.array_equal(alone[150:300], both[150:300])


def test_lens_distortion_moves_the_drawing_with_the_image() -> None:
    straight = Camera.assume(640, 480)
    bent = dataclasses.replace(straight, distortion=np.array([-0.35, 0.1, 0.0, 0.0]))
    aside = hand(np.array([0.19, 0.0, 0.6]), radius=0.02)
    renderer = OverlayRenderer(TOPOLOGIES)
    for camera in (straight, bent):
        drawn = renderer.draw(grey(640, 480), [interaction(camera, None, aside)])
        column, row = np.rint(camera.project(np.array([[0.19, 0.0, 0.6]]))[0]).astype(int)
        assert (drawn[row, column] != 128).any()
        painted = np.flatnonzero((drawn[240] != 128).any(1))
        assert abs(painted.mean() - column) < 3


def test_meshes_behind_the_camera_and_nan_are_left_out() -> None:
    camera = Camera.assume(320, 240)
    behind = hand(np.array([0.0, 0.0, -0.5]))
    broken = dataclasses.replace(behind, vertices=np.full_like(behind.vertices, np.nan))
    renderer = OverlayRenderer(TOPOLOGIES)
    drawn = renderer.draw(grey(320, 240), [interaction(camera, None, behind, broken)])
    assert (drawn[:150] == 128).all()


def test_nobody_there_gives_the_image_with_a_note() -> None:
    drawn = OverlayRenderer(TOPOLOGIES).draw(grey(640, 480), [])
    assert (drawn[:400] == 128).all()
    assert (drawn[400:] != 128).any()


def test_an_unknown_topology_is_named_in_the_error() -> None:
    shown = interaction(Camera.assume(64, 48), face())
    with pytest.raises(ValueError, match="test-face"):
        OverlayRenderer(TOPOLOGIES[1:]).draw(grey(64, 48), [shown])
