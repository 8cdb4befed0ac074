"""Contact summaries say what the arrays of the meshes say, where the truth is known.

A ball of radius R presses d deep into a plane that takes its shape: the skin touches it on a cap of
area 2 pi R d, and the plane around the cap is nearer to the ball than 2.59 mm, where the contact
probability is one half, out to a known radius.
"""

import numpy as np
import pytest
from mesh_areas import vertex_areas

from dice_ros.body.topology import make_topology
from dice_ros.body.vertex_normals import vertex_normals
from dice_ros.contact.mesh_surface import MeshNeighbours, MeshSurface
from dice_ros.contact.proximity import CONTACT_SIGMA_M, measure_proximity
from dice_ros.contact.summary import summarise_contacts
from dice_ros.types import HandSide

R, DEPTH = 0.010, 0.002
STEP = 2.5e-4
CAP_RADIUS = np.sqrt(2 * R * DEPTH - DEPTH**2)
HALF_M = CONTACT_SIGMA_M * np.sqrt(2 * np.log(2))
REACH_RADIUS = np.sqrt((R + HALF_M) ** 2 - (R - DEPTH) ** 2)
CAP_MM2 = 2e6 * np.pi * R * DEPTH
RING_MM2 = 1e6 * np.pi * (REACH_RADIUS**2 - CAP_RADIUS**2)


def grid(rows, columns):
    """Triangles of a grid of vertices, counter-clockwise seen from above (z up)."""
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = (
        x.ravel() for x in (index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1])
    )
    return np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]).astype(np.int32)


def ball():
    """A ball over the plane's middle, its lowest point d below the plane."""
    theta, phi = np.meshgrid(
        np.linspace(1e-3, np.pi - 1e-3, 160), np.linspace(0, 2 * np.pi, 241), indexing="ij"
    )
    unit = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], -1)
    return (R * unit.reshape(-1, 3) + (0, 0, R - DEPTH)).astype(np.float32), np.ascontiguousarray(
        grid(160, 241)[:, ::-1]
    )


class Scene:
    """A pressed plane and the ball; the plane's halves are two regions, the ball's two parts."""

    def __init__(self, offset=(0.0, 0.0, 0.0)):
        x = np.arange(-0.0145, 0.0146, STEP)
        flat = np.stack([*np.meshgrid(x, x), np.zeros((len(x), len(x)))], -1).reshape(-1, 3)
        radius = np.linalg.norm(flat[:, :2], axis=1)
        pressed = flat.copy()
        inside = radius < CAP_RADIUS
        pressed[inside, 2] = R - DEPTH - np.sqrt(R**2 - radius[inside] ** 2)
        triangles = grid(len(x), len(x))
        self.deformation = (pressed - flat).astype(np.float32)
        self.vertices = (pressed + offset).astype(np.float32)
        halves = np.where(flat[:, 0] < 0, 1, 2).astype(np.uint8)
        self.face = make_topology("plane", triangles, halves, ("none", "west", "east"))
        hand_vertices, hand_triangles = ball()
        parts = np.where(hand_vertices[:, 1] < 0, 1, 2).astype(np.uint8)
        self.hand = make_topology("ball", hand_triangles, parts, ("none", "south", "north"))
        surface = MeshSurface(MeshNeighbours(triangles, len(self.vertices)), self.vertices)
        hand_surface = MeshSurface(
            MeshNeighbours(hand_triangles, len(hand_vertices)), hand_vertices + np.asarray(offset)
        )
        self.near = measure_proximity(surface, hand_surface, np.arange(len(self.vertices)))
        self.normals = vertex_normals(self.vertices, triangles)

    def contacts(self, probability_min=0.5):
        touched = np.flatnonzero(self.near.face >= probability_min).astype(np.int32)
        found = summarise_contacts(
            HandSide.LEFT,
            face=self.face,
            hand=self.hand,
            face_vertices=self.vertices,
            face_normals=self.normals,
            deformation=self.deformation,
            touched=touched,
            probability=self.near.face[touched],
            hand_vertex=self.near.nearest_hand_vertex[touched],
        )
        return found, touched


@pytest.fixture(scope="module")
def scene():
    return Scene()


def test_areas_of_all_vertices_add_up_to_the_area_of_the_mesh(scene):
    areas = vertex_areas(scene.vertices, scene.face.triangles)
    a, b, c = (scene.vertices[scene.face.triangles[:, k]] for k in range(3))
    whole = 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1).sum()
    assert areas.sum() == pytest.approx(whole, rel=1e-5)


def test_the_touched_area_is_that_of_the_cap_and_the_ring_within_reach(scene):
    contacts, _ = scene.contacts()
    assert sum(item.area_mm2 for item in contacts) == pytest.approx(CAP_MM2 + RING_MM2, rel=0.02)


def test_the_area_in_touch_for_certain_is_that_of_the_cap(scene):
    # 0.05 mm away the probability is still 0.99974: the ring within it adds 3 mm^2 at most.
    contacts, _ = scene.contacts(0.99974)
    close = 1e6 * np.pi * ((R + 5e-5) ** 2 - R**2)
    assert sum(item.area_mm2 for item in contacts) == pytest.approx(CAP_MM2 + close, rel=0.02)


def test_contacts_share_out_the_touched_vertices(scene):
    contacts, touched = scene.contacts()
    areas = vertex_areas(scene.vertices, scene.face.triangles)
    assert sum(item.area_mm2 for item in contacts) == pytest.approx(1e6 * areas[touched].sum())
    assert sum(item.face_vertex_count for item in contacts) == len(touched)
    names = {(item.face_region, item.hand_part) for item in contacts}
    assert names == {(f, h) for f in ("west", "east") for h in ("south", "north")}


def test_every_contact_repeats_its_own_vertices(scene):
    contacts, touched = scene.contacts()
    areas = vertex_areas(scene.vertices, scene.face.triangles)
    nearest = scene.near.nearest_hand_vertex
    for item in contacts:
        region = scene.face.region_names.index(item.face_region)
        part = scene.hand.region_names.index(item.hand_part)
        own = touched[
            (scene.face.region_labels[touched] == region)
            & (scene.hand.region_labels[nearest[touched]] == part)
        ]
        weight = areas[own] / areas[own].sum()
        depth_mm = 1e3 * np.linalg.norm(scene.deformation[own], axis=1).max()
        assert item.side is HandSide.LEFT
        assert item.face_vertex_count == len(own)
        assert item.hand_vertex_count == len(np.unique(nearest[own]))
        assert item.probability == pytest.approx(scene.near.face[own].max())
        assert item.depth_mm == pytest.approx(depth_mm)
        np.testing.assert_allclose(item.centre, weight @ scene.vertices[own], atol=1e-7)


def test_depth_centre_and_normal_are_those_of_the_cap(scene):
    contacts, _ = scene.contacts()
    areas = np.array([item.area_mm2 for item in contacts])
    centre = areas @ np.array([item.centre for item in contacts]) / areas.sum()
    normal = areas @ np.array([item.normal for item in contacts])
    assert max(item.depth_mm for item in contacts) == pytest.approx(1e3 * DEPTH, rel=0.01)
    # A cap's mean depth is half its depth; the ring is not displaced.
    mean_depth = 0.5 * DEPTH * CAP_MM2 / (CAP_MM2 + RING_MM2)
    np.testing.assert_allclose(centre, (0, 0, -mean_depth), atol=5e-5)
    np.testing.assert_allclose(normal / np.linalg.norm(normal), (0, 0, 1), atol=5e-3)
    for item in contacts:
        assert np.linalg.norm(item.normal) == pytest.approx(1.0, abs=1e-6)


def test_where_the_scene_stands_changes_nothing_but_the_centres(scene):
    offset = (0.1, -0.05, 0.6)
    here, there = (
        sorted(found.contacts()[0], key=lambda item: (item.face_region, item.hand_part))
        for found in (scene, Scene(offset))
    )
    for before, after in zip(here, there, strict=True):
        assert after.area_mm2 == pytest.approx(before.area_mm2, rel=0.02)
        # The deepest vertex lies on the border of all four pairs: rounding gives it to any of them.
        assert after.depth_mm == pytest.approx(before.depth_mm, rel=0.01)
        np.testing.assert_allclose(after.centre, before.centre + np.array(offset), atol=2e-4)


def test_nothing_touched_is_no_contact(scene):
    assert scene.contacts(1.1)[0] == ()


def test_summaries_of_the_pipeline_agree_with_its_arrays(pipeline, touching_render):
    pipeline.reset()
    (item,) = pipeline.process(touching_render[0]).interactions
    topologies = {topology.id: topology for topology in pipeline.topologies}
    assert item.contacts
    areas = vertex_areas(item.face.vertices, topologies[item.face.topology].triangles)
    touched = item.face.contact >= pipeline.settings.contact_probability_min
    sides = {contact.side for contact in item.contacts}
    assert len(sides) == 1
    total = sum(contact.area_mm2 for contact in item.contacts)
    assert total == pytest.approx(1e6 * areas[touched].sum(), rel=1e-4)
    assert sum(contact.face_vertex_count for contact in item.contacts) == touched.sum()
    deepest = 1e3 * np.linalg.norm(item.face.deformation[touched], axis=1).max()
    assert max(contact.depth_mm for contact in item.contacts) == pytest.approx(deepest, rel=1e-5)
