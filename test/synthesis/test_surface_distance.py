import numpy as np

from dice_ros.synthesis.surface_distance import Surface


def sphere(rings: int = 24, segments: int = 48) -> tuple[np.ndarray, np.ndarray]:
    """Unit sphere, welded, counter-clockwise from outside."""
    theta = np.linspace(0, np.pi, rings + 1)[1:-1]
    phi = np.arange(segments) * 2 * np.pi / segments
    t, f = np.meshgrid(theta, phi, indexing="ij")
    middle = np.stack([np.sin(t) * np.cos(f), np.sin(t) * np.sin(f), np.cos(t)], -1).reshape(-1, 3)
    vertices = np.vstack([middle, [0, 0, 1], [0, 0, -1]])
    index = np.arange(len(middle)).reshape(rings - 1, segments)
    after = np.roll(index, -1, axis=1)
    top, bottom = len(middle), len(middle) + 1
    quads = [index[:-1], index[1:], after[1:], after[:-1]]
    a, b, c, d = (corner.ravel() for corner in quads)
    triangles = np.concatenate(
        [
            np.stack([a, b, c], 1),
            np.stack([a, c, d], 1),
            np.stack([np.full(segments, top), index[0], after[0]], 1),
            np.stack([np.full(segments, bottom), after[-1], index[-1]], 1),
        ]
    )
    return vertices, triangles.astype(np.int32)


def brute_force_distance(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Smallest distance to densely sampled triangles: an upper bound, close to the truth."""
    steps = np.linspace(0.0, 1.0, 30)
    u, v = np.meshgrid(steps, steps)
    keep = u + v <= 1.0 + 1e-12
    weights = np.stack([1 - u[keep] - v[keep], u[keep], v[keep]], axis=1)
    samples = np.einsum("nk,fkc->fnc", weights, corners).reshape(-1, 3)
    return np.array([np.linalg.norm(samples - point, axis=1).min() for point in points])


def test_distances_agree_with_dense_sampling_of_random_triangles() -> None:
    rng = np.random.default_rng(5)
    corners = rng.normal(0, 1, (40, 1, 3)) + rng.normal(0, 0.3, (40, 3, 3))
    surface = Surface(corners.reshape(-1, 3), np.arange(120, dtype=np.int32).reshape(-1, 3))
    points = rng.normal(0, 1.5, (60, 3))
    found = surface.closest(points)
    sampled = brute_force_distance(points, corners)
    assert (found.distance <= sampled + 1e-12).all()
    assert (sampled - found.distance < 0.03).all()
    on_surface = np.einsum("pk,pkc->pc", found.barycentric, corners[found.triangle])
    np.testing.assert_allclose(on_surface, found.point, atol=1e-12)
    np.testing.assert_allclose(
        np.linalg.norm(points - found.point, axis=1), found.distance, atol=1e-12
    )
    assert (found.barycentric >= 0).all()


def test_points_out_of_reach_are_marked_and_the_rest_stay_exact() -> None:
    vertices, triangles = sphere()
    surface = Surface(vertices, triangles)
    points = np.random.default_rng(1).uniform(-2, 2, (300, 3))
    everything, near = surface.closest(points), surface.closest(points, reach=0.3)
    inside_reach = everything.distance <= 0.3
    assert 0 < inside_reach.sum() < 300
    np.testing.assert_allclose(near.distance[inside_reach], everything.distance[inside_reach])
    assert np.isinf(near.distance[~inside_reach]).all()
    assert (near.triangle[~inside_reach] == -1).all()


def test_the_smallest_distance_is_the_smallest_of_all_distances() -> None:
    vertices, triangles = sphere()
    surface = Surface(vertices, triangles)
    points = np.random.default_rng(2).uniform(1.2, 2.5, (200, 3))
    assert surface.smallest_distance(points) == surface.closest(points).distance.min()


def test_inside_is_decided_rightly_for_a_sphere() -> None:
    surface = Surface(*sphere())
    points = np.random.default_rng(3).uniform(-1.2, 1.2, (2000, 3))
    radius = np.linalg.norm(points, axis=1)
    clear = np.abs(radius - 1.0) > 0.02
    assert np.array_equal(surface.inside(points)[clear], radius[clear] < 1.0)


def test_inside_survives_two_overlapping_parts() -> None:
    vertices, triangles = sphere()
    both = np.vstack([vertices, vertices + np.array([0.8, 0.0, 0.0])])
    surface = Surface(both, np.vstack([triangles, triangles + len(vertices)]))
    assert surface.inside(np.array([[0.4, 0.0, 0.0], [-0.5, 0, 0], [1.5, 0, 0]])).all()
    assert not surface.inside(np.array([[0.4, 0.98, 0.0]])).any()
