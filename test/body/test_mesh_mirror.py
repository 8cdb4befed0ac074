"""Partners are found on symmetric templates, and others are refused with a number."""

import numpy as np
import pytest

from dice_ros.body.mesh_mirror import mirror_permutation
from dice_ros.errors import AssetError


def test_the_open_heads_partners_are_found(open_head):
    partner = mirror_permutation(open_head.template)
    assert partner.dtype == np.int32
    here = open_head.template[partner] * (-1.0, 1.0, 1.0)
    np.testing.assert_allclose(here, open_head.template, atol=1e-6)


def test_a_little_noise_is_allowed(open_head):
    front = open_head.template[open_head.exterior & open_head.exterior[open_head.mirror]][::4]
    both = np.concatenate([front, front * (-1.0, 1.0, 1.0)])
    both = np.unique(both.round(4), axis=0)
    noisy = both + np.random.default_rng(0).normal(0.0, 2e-5, both.shape)
    assert len(mirror_permutation(noisy)) == len(both)


def test_a_hand_is_refused_with_the_worst_distance(open_hand):
    with pytest.raises(AssetError, match=r"worst vertex, \d+, is \d+\.\d\d mm from its partner"):
        mirror_permutation(open_hand.template)


@pytest.mark.parametrize("broken", [np.zeros((0, 3)), np.zeros((4, 2)), np.full((4, 3), np.nan)])
def test_what_is_no_template_is_refused(broken):
    with pytest.raises(AssetError):
        mirror_permutation(broken)
