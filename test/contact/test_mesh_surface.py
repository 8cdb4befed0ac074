import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dice_ros.contact.mesh_surface import MeshNeighbours, MeshSurface, closest_on_triangles

POINTS = arrays(np.float64, 3, elements=st.floats(-2, 2))


def sphere(rings=24, radius=0.05):
    """A closed sphere of latitude rings and two poles."""
    theta = np.linspace(0, np.pi, rings + 2)[1:-1]
    phi = np.linspace(0, 2 * np.pi, 2 * rings, endpoint=False)
    ring = np.stack(
        [
            np.outer(np.sin(theta), np.cos(phi)),
            np.outer(np.sin(theta), np.sin(phi)),
            np.outer(np.cos(theta), np.ones_like(phi)),
        ],
        axis=-1,
    ).reshape(-1, 3)
    vertices = radius * np.concatenate([ring, [[0, 0, 1], [0, 0, -1]]])
    count, triangles = len(phi), []
    for r in range(rings - 1):
        for c in range(count):
            a, b = r * count + c, r * count + (c + 1) % count
            triangles += [[a, a + count, b], [b, a + count, b + count]]
    top, bottom = len(ring), len(ring) + 1
    for c in range(count):
        triangles.append([top, c, (c + 1) % count])
        last = (rings - 1) * count
        triangles.append([bottom, last + (c + 1) % count, last + c])
    return vertices, np.array(triangles, dtype=np.int32)


def test_distances_to_a_sphere_are_those_of_a_sphere():
    vertices, triangles = sphere()
    surface = MeshSurface(MeshNeighbours(triangles, len(vertices)), vertices)
    directions = np.random.default_rng(0).normal(size=(500, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    for radius in (0.03, 0.045, 0.055, 0.08):
        found = surface.closest(directions * radius).signed_distance
        np.testing.assert_allclose(found, radius - 0.05, atol=5e-4)


def test_no_points_give_no_distances():
    vertices, triangles = sphere(6)
    surface = MeshSurface(MeshNeighbours(triangles, len(vertices)), vertices)
    assert len(surface.closest(np.zeros((0, 3))).signed_distance) == 0


@settings(deadline=None, max_examples=500)
@given(POINTS, arrays(np.float64, (3, 3), elements=st.floats(-1, 1)))
def test_the_closest_point_of_a_triangle_beats_every_sampled_one(point, corners):
    assume(np.linalg.norm(np.cross(corners[1] - corners[0], corners[2] - corners[0])) > 1e-3)
    foot = closest_on_triangles(point, corners)
    u, v = np.meshgrid(np.linspace(0, 1, 15), np.linspace(0, 1, 15))
    kept = (u + v <= 1).ravel()
    u, v = u.ravel()[kept], v.ravel()[kept]
    samples = (1 - u - v)[:, None] * corners[0] + u[:, None] * corners[1] + v[:, None] * corners[2]
    nearest = np.linalg.norm(samples - point, axis=1).min()
    assert np.linalg.norm(foot - point) <= nearest + 1e-6


@pytest.mark.parametrize("corners", [[[1, 0, 0], [0, 0, 0], [0, 0, 0]], [[1, 0, 0]] * 3])
def test_degenerate_triangles_have_a_closest_point_too(corners):
    corners = np.array(corners, dtype=float)
    foot = closest_on_triangles(np.zeros(3), corners)
    assert np.linalg.norm(foot) == np.linalg.norm(corners, axis=1).min()


def test_hand_surface_distances_agree_with_all_triangles(open_hand):
    triangles = open_hand.triangles
    vertices = open_hand.template.astype(np.float64)
    surface = MeshSurface(MeshNeighbours(triangles, len(vertices)), vertices)
    rng = np.random.default_rng(2)
    points = vertices[rng.integers(0, len(vertices), 40)] + rng.normal(0, 0.004, (40, 3))
    found = np.abs(surface.closest(points).signed_distance)
    for point, distance in zip(points, found, strict=True):
        feet = closest_on_triangles(point[None], vertices[triangles])
        exact = np.linalg.norm(feet - point, axis=1).min()
        assert distance == pytest.approx(exact, abs=1e-3)
        assert distance >= exact - 1e-9
