"""Partners are found on symmetric and on asymmetric templates, and no mesh that has none passes."""

import numpy as np
import pytest

from dice_ros.body.mesh_mirror import mirror_permutation
from dice_ros.errors import AssetError

MIRROR = np.array([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def head(stand_in_flame):
    """(vertices, triangles) of an exactly symmetric mesh of FLAME's size, and its partners."""
    template, triangles = stand_in_flame.v_template, stand_in_flame.f.astype(np.int32)
    at = {tuple(point): number for number, point in enumerate(template.round(7))}
    partner = np.array([at[tuple(point)] for point in (template * MIRROR).round(7) + 0.0])
    return template, triangles, partner


def wobble(template, amplitude_m):
    """A smooth field that is not symmetric: what a real mean face has."""
    waves = np.array([[23.0, -11.0, 7.0], [-5.0, 31.0, 13.0], [17.0, 3.0, -29.0]])
    return amplitude_m * np.sin(template @ waves + (0.3, 1.1, 2.0))


def noise(template, amplitude_m):
    drawn = np.random.default_rng(0).uniform(-0.5, 0.5, template.shape)
    return amplitude_m * drawn


def with_other_diagonals(triangles, share=0.3):
    """Every third quad cut along its other diagonal, so that the net is no longer symmetric."""
    generator = np.random.default_rng(1)
    result, edges, used = triangles.copy(), {}, set()
    for number, (a, b, c) in enumerate(triangles.tolist()):
        for first, second, third in ((a, b, c), (b, c, a), (c, a, b)):
            edges[first, second] = (third, number)
    for (a, b), (c, mine) in edges.items():
        d, other = edges.get((b, a), (-1, -1))
        if d < 0 or {mine, other} & used or generator.random() > share:
            continue
        if (c, d) in edges or (d, c) in edges:
            continue
        result[mine], result[other] = (a, d, c), (d, b, c)
        used |= {mine, other}
    return result


def assert_one_to_one(partner):
    own = np.arange(len(partner))
    assert len(np.unique(partner)) == len(partner)
    np.testing.assert_array_equal(partner[partner], own)


def test_the_open_heads_partners_are_found(open_head):
    partner = mirror_permutation(open_head.template, open_head.triangles)
    assert partner.dtype == np.int32
    here = open_head.template[partner] * MIRROR
    np.testing.assert_allclose(here, open_head.template, atol=2e-4)
    assert_one_to_one(partner)


@pytest.mark.parametrize("field", [wobble, noise])
@pytest.mark.parametrize("amplitude_m", [0.0, 0.001, 0.003])
def test_partners_of_an_asymmetric_head_are_all_right(head, field, amplitude_m):
    template, triangles, expected = head
    partner = mirror_permutation(template + field(template, amplitude_m), triangles)
    np.testing.assert_array_equal(partner, expected)
    # A mirrored triangle is a triangle: none collapses.
    mirrored = {frozenset(corners) for corners in partner[triangles].tolist()}
    assert mirrored == {frozenset(corners) for corners in triangles.tolist()}


def test_a_part_that_lies_elsewhere_keeps_its_partners(head):
    """Two balls, far apart and each turned out of place by more than their vertices' distance."""
    template, triangles, expected = head
    steps = np.arange(24) * (2 * np.pi / 24)
    rings = np.arange(1, 12) * (np.pi / 12)
    ring = np.stack(np.broadcast_arrays(np.cos(steps), np.sin(steps)), axis=-1)
    ball = np.concatenate(
        [np.column_stack([ring * np.sin(polar), np.full(24, np.cos(polar))]) for polar in rings]
    )
    cells = [(r, s) for r in range(10) for s in range(24)]
    corner = lambda r, s: 24 * r + s % 24  # noqa: E731
    faces = np.array(
        [(corner(r, s), corner(r + 1, s), corner(r, s + 1)) for r, s in cells]
        + [(corner(r, s + 1), corner(r + 1, s), corner(r + 1, s + 1)) for r, s in cells]
    )
    right = 0.012 * ball + (-0.03, 0.0, 0.05)
    left = right * MIRROR + (0.0, 0.004, 0.003)
    count = len(template)
    both = np.concatenate([template, right, left])
    all_triangles = np.concatenate([triangles, faces + count, faces[:, ::-1] + count + len(ball)])
    partner = mirror_permutation(both, all_triangles)
    np.testing.assert_array_equal(partner[:count], expected)
    np.testing.assert_array_equal(partner[count : count + len(ball)], np.arange(264) + count + 264)
    assert_one_to_one(partner)


@pytest.mark.parametrize("amplitude_m", [0.0, 0.001])
def test_a_net_that_is_not_symmetric_is_paired_by_position(head, amplitude_m):
    template, triangles, expected = head
    moved = template + wobble(template, amplitude_m)
    partner = mirror_permutation(moved, with_other_diagonals(triangles))
    assert_one_to_one(partner)
    assert (partner == expected).mean() > 0.99


def test_a_hand_is_refused_with_the_worst_distance(open_hand):
    with pytest.raises(AssetError, match=r"worst vertex, \d+, is \d+\.\d\d mm from its partner"):
        mirror_permutation(open_hand.template, open_hand.triangles)


@pytest.mark.parametrize("broken", [np.zeros((0, 3)), np.zeros((4, 2)), np.full((4, 3), np.nan)])
def test_what_is_no_template_is_refused(broken):
    with pytest.raises(AssetError):
        mirror_permutation(broken, np.array([[0, 1, 2]]))


@pytest.mark.parametrize("broken", [np.zeros((0, 3)), np.zeros((4, 2)), np.array([[0, 1, 9]])])
def test_what_are_no_triangles_is_refused(broken):
    with pytest.raises(AssetError, match="triangles"):
        mirror_permutation(np.zeros((4, 3)), broken.astype(np.int32))
