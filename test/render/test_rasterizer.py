import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dice_ros.render.rasterizer import Fragments, Rasterizer

WIDTH, HEIGHT = 64, 48
K = np.array([[60.0, 0.0, 31.3], [0.0, 62.0, 23.9], [0.0, 0.0, 1.0]])


def cast_rays(vertices: np.ndarray, triangles: np.ndarray) -> Fragments:
    """Every pixel ray against every triangle (Moeller-Trumbore), the slow and plain truth."""
    columns, rows = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    rays = np.stack(
        [(columns - K[0, 2]) / K[0, 0], (rows - K[1, 2]) / K[1, 1], np.ones_like(rows)], axis=-1
    ).reshape(-1, 3)
    first, second, third = (vertices[triangles[:, corner]] for corner in range(3))
    e1, e2 = second - first, third - first
    p = np.cross(rays[:, None], e2[None])
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = 1.0 / (p * e1).sum(-1)
        u = (p * -first).sum(-1) * inverse
        q = np.cross(-first, e1)
        v = (rays @ q.T) * inverse
        depth = (e2 * q).sum(-1) * inverse
        hit = (u >= 0) & (v >= 0) & (u + v <= 1) & (depth > 0)
    depth = np.where(hit, depth, np.inf)
    nearest = depth.argmin(1)
    pixel = np.arange(len(rays))
    found = np.isfinite(depth[pixel, nearest])
    u, v = u[pixel, nearest], v[pixel, nearest]
    barycentric = np.where(found[:, None], np.stack([1 - u - v, u, v], axis=1), 0.0)
    return Fragments(
        depth[pixel, nearest].reshape(HEIGHT, WIDTH),
        np.where(found, nearest, -1).reshape(HEIGHT, WIDTH),
        barycentric.reshape(HEIGHT, WIDTH, 3),
    )


def random_mesh(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    centres = rng.uniform([-0.6, -0.5, 0.8], [0.6, 0.5, 2.5], (count, 1, 3))
    corners = centres + rng.normal(0.0, rng.uniform(0.02, 0.3), (count, 3, 3))
    corners[..., 2] = np.maximum(corners[..., 2], 0.2)
    return corners.reshape(-1, 3), np.arange(3 * count, dtype=np.int32).reshape(-1, 3)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 60))
def test_agrees_with_casting_a_ray_through_every_pixel(seed: int, count: int) -> None:
    vertices, triangles = random_mesh(seed, count)
    drawn = Rasterizer(WIDTH, HEIGHT).draw(vertices, triangles, K)
    truth = cast_rays(vertices, triangles)
    # A random edge passes within rounding of a pixel centre practically never.
    assert np.array_equal(drawn.triangle, truth.triangle)
    np.testing.assert_allclose(drawn.depth, truth.depth, rtol=1e-5)
    np.testing.assert_allclose(drawn.barycentric, truth.barycentric, atol=2e-5)


def test_weights_are_perspective_correct_on_a_steep_triangle() -> None:
    vertices = np.array([[-0.5, -0.2, 0.5], [3.0, -0.2, 6.0], [0.0, 0.6, 1.0]])
    triangles = np.array([[0, 1, 2]], dtype=np.int32)
    drawn = Rasterizer(WIDTH, HEIGHT).draw(vertices, triangles, K)
    rows, columns = np.nonzero(drawn.covered)
    points = drawn.barycentric[rows, columns] @ vertices
    assert len(rows) > 100
    projected = points[:, :2] / points[:, 2:] * (K[0, 0], K[1, 1]) + K[:2, 2]
    np.testing.assert_allclose(projected, np.stack([columns, rows], axis=1), atol=1e-3)
    np.testing.assert_allclose(points[:, 2], drawn.depth[rows, columns], rtol=1e-5)


def test_the_nearer_of_two_triangles_is_seen_whatever_their_order() -> None:
    far = np.array([[-1, -1, 2.0], [1, -1, 2.0], [0, 1, 2.0]])
    near = np.array([[-1, -1, 1.5], [1, -1, 1.5], [0, 1, 1.5]])
    triangles = np.array([[0, 1, 2], [3, 4, 5]], dtype=np.int32)
    for vertices, expected in ((np.vstack([far, near]), 1), (np.vstack([near, far]), 0)):
        drawn = Rasterizer(WIDTH, HEIGHT).draw(vertices, triangles, K)
        assert drawn.triangle[20, 31] == expected
        assert drawn.depth[20, 31] == pytest.approx(1.5)


def test_a_closed_mesh_has_no_holes_along_shared_edges() -> None:
    steps = np.linspace(-1.0, 1.0, 9)
    x, y = np.meshgrid(steps, steps)
    vertices = np.stack([x, y, np.full_like(x, 1.2)], axis=-1).reshape(-1, 3)
    index = np.arange(81).reshape(9, 9)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    triangles = np.concatenate(
        [np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)]
    ).astype(np.int32)
    # Whole-number pixel positions put many centres exactly on edges.
    drawn = Rasterizer(WIDTH, HEIGHT).draw_projected(
        vertices[:, :2] * 200 + 32, vertices[:, 2], triangles
    )
    assert drawn.covered.all()


def test_triangles_too_near_behind_or_not_finite_are_left_out() -> None:
    behind = [[-1, -1, -2.0], [1, -1, -2.0], [0, 1, -2.0]]
    crossing = [[-1, -1, 2.0], [1, -1, 2.0], [0, 1, 0.0]]
    broken = [[-1, -1, 2.0], [1, -1, 2.0], [0, np.nan, 2.0]]
    beside = [[50, 0, 1.0], [51, 0, 1.0], [50, 1, 1.0]]
    flat = [[-1, -1, 2.0], [0, 0, 2.0], [1, 1, 2.0]]
    vertices = np.array(behind + crossing + broken + beside + flat)
    triangles = np.arange(15, dtype=np.int32).reshape(-1, 3)
    drawn = Rasterizer(WIDTH, HEIGHT).draw(vertices, triangles, K)
    assert not drawn.covered.any()
    assert np.isinf(drawn.depth).all()
    assert not drawn.barycentric.any()


def test_an_empty_mesh_gives_an_empty_picture() -> None:
    drawn = Rasterizer(5, 3).draw(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int32), K)
    assert drawn.depth.shape == (3, 5)
    assert not drawn.covered.any()


def test_culling_keeps_triangles_that_face_the_camera() -> None:
    # Counter-clockwise seen from the camera, with y down: the outward normal points to -z.
    vertices = np.array([[-1, -1, 2.0], [0, 1, 2.0], [1, -1, 2.0]])
    front = np.array([[0, 1, 2]], dtype=np.int32)
    edges = vertices[1:] - vertices[0]
    assert np.cross(edges[0], edges[1])[2] < 0
    culling = Rasterizer(WIDTH, HEIGHT, cull_back_faces=True)
    assert culling.draw(vertices, front, K).covered.any()
    assert not culling.draw(vertices, front[:, ::-1], K).covered.any()


def test_a_picture_without_pixels_is_refused() -> None:
    with pytest.raises(ValueError, match="0x10"):
        Rasterizer(0, 10)
