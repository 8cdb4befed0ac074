"""The similarity that made points is found again."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dice_ros.body.rotation import matrix_from_axis_angle
from dice_ros.body.similarity import align_similarity


@given(
    st.lists(st.floats(-1.8, 1.8), min_size=3, max_size=3),
    st.floats(0.1, 10.0),
    st.integers(0, 1000),
)
def test_a_known_similarity_is_found(turn, scale, seed):
    random = np.random.default_rng(seed)
    source, shift = random.normal(size=(20, 3)), random.normal(size=3)
    R = matrix_from_axis_angle(np.array(turn))
    target = scale * source @ R.T + shift
    found = align_similarity(source, target)
    np.testing.assert_allclose(found.apply(source), target, atol=1e-8)
    np.testing.assert_allclose(found.scale, scale)
    np.testing.assert_allclose(found.rotation, R, atol=1e-8)
