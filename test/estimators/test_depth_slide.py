import numpy as np
import pytest

from dice_ros.body.vertex_normals import vertex_normals
from dice_ros.estimators.landmark_fit.depth_slide import FaceDepth

PLANE_Z = 0.6


def plane(give_m=0.0):
    """A flat wall of skin at 0.6 m, facing the camera."""
    x, y = np.meshgrid(np.linspace(-0.1, 0.1, 60), np.linspace(-0.1, 0.1, 60))
    vertices = np.stack([x.ravel(), y.ravel(), np.full(x.size, PLANE_Z)], 1).astype(np.float32)
    normals = np.tile(np.array([0, 0, -1], np.float32), (len(vertices), 1))
    exterior = np.ones(len(vertices), dtype=bool)
    return FaceDepth(vertices, normals, exterior, np.full(len(vertices), give_m))


def ball(z, radius=0.02):
    rng = np.random.default_rng(0)
    points = rng.normal(size=(800, 3))
    points *= radius / np.linalg.norm(points, axis=1, keepdims=True)
    return (points + np.array([0, 0, z])).astype(np.float32)


def test_a_touching_ball_needs_no_sliding():
    reach = plane().reach(ball(PLANE_Z - 0.02))
    assert reach.overlap > 0.9
    assert reach.touch_ratio == pytest.approx(1.0, abs=2e-3)


def test_a_hovering_ball_has_to_go_back_as_far_as_it_hovers():
    reach = plane().reach(ball(PLANE_Z - 0.02 - 0.05))
    # The ratio scales the ball too: its far side is at (z + r) before.
    assert reach.touch_ratio == pytest.approx(PLANE_Z / (PLANE_Z - 0.05), abs=2e-3)


def test_a_ball_behind_the_wall_is_brought_before_it():
    reach = plane().reach(ball(PLANE_Z + 0.1))
    assert reach.contact_ratio < 0.9


def test_soft_skin_lets_the_hand_in():
    hard, soft = plane(0.0).reach(ball(0.5)), plane(4e-3).reach(ball(0.5))
    deeper = (soft.contact_ratio - hard.contact_ratio) * 0.52
    assert deeper == pytest.approx(4e-3, abs=5e-4)


def test_no_overlap_in_the_picture_means_no_reach():
    reach = plane().reach(ball(0.5) + np.array([0.5, 0, 0], np.float32))
    assert reach.overlap == 0.0
    assert np.isnan(reach.contact_ratio)


def test_a_face_seen_from_behind_cannot_be_reached(open_head):
    turned = (open_head.template * (-1, 1, -1) + (0, 0, 0.7)).astype(np.float32)
    normals = vertex_normals(turned, open_head.triangles)
    front_only = open_head.exterior & (open_head.template[:, 2] < 0)
    depth = FaceDepth(turned, normals, front_only, np.zeros(len(turned)))
    assert depth.reach(ball(0.5)).overlap < 0.2
