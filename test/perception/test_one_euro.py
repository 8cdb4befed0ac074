import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dice_ros.body.rotation import matrix_from_axis_angle
from dice_ros.perception.one_euro import OneEuroFilter, OneEuroRotationFilter

MS = 1_000_000


@given(st.floats(-10, 10), st.integers(1, 900))
def test_a_constant_stays_what_it_is(value, period_ms):
    smoother = OneEuroFilter()
    for step in range(20):
        result = smoother.smooth(np.array([value]), step * period_ms * MS, 1.0, 1.0)
        np.testing.assert_allclose(result, [value], atol=1e-12)


def test_the_first_sample_passes_unchanged_and_a_step_is_approached():
    smoother = OneEuroFilter()
    assert smoother.smooth(np.array([5.0]), 0, 1.0, 0.0)[0] == 5.0
    values = [smoother.smooth(np.array([6.0]), (n + 1) * 33 * MS, 1.0, 0.0)[0] for n in range(200)]
    assert 5.0 < values[0] < 5.5
    assert values == sorted(values)
    assert abs(values[-1] - 6.0) < 1e-3


def test_noise_is_reduced_at_rest_and_fast_motion_is_followed():
    rng = np.random.default_rng(0)
    slow, fast = OneEuroFilter(), OneEuroFilter()
    noisy = 0.001 * rng.normal(size=300)
    smooth = [
        slow.smooth(np.array([value]), n * 33 * MS, 1.0, 5.0)[0] for n, value in enumerate(noisy)
    ]
    assert np.std(smooth[50:]) < 0.6 * np.std(noisy[50:])
    lag = 0.0
    for n in range(60):
        true = n * 0.05
        lag = true - fast.smooth(np.array([true]), n * 33 * MS, 1.0, 20.0)[0]
    assert lag < 0.05


def test_a_stamp_that_goes_back_or_a_long_gap_starts_anew():
    for next_ns in (-1, 2_000_000_000):
        smoother = OneEuroFilter()
        smoother.smooth(np.array([0.0]), 0, 1.0, 0.0)
        assert smoother.smooth(np.array([1.0]), next_ns, 1.0, 0.0)[0] == 1.0


def test_half_the_time_step_twice_is_nearly_one_time_step():
    once, twice = OneEuroFilter(), OneEuroFilter()
    for smoother in (once, twice):
        smoother.smooth(np.array([0.0]), 0, 0.5, 0.0)
    a = once.smooth(np.array([1.0]), 20 * MS, 0.5, 0.0)[0]
    twice.smooth(np.array([1.0]), 10 * MS, 0.5, 0.0)
    b = twice.smooth(np.array([1.0]), 20 * MS, 0.5, 0.0)[0]
    assert abs(a - b) < 0.01


def test_rotations_stay_rotations_and_converge():
    smoother = OneEuroRotationFilter()
    target = matrix_from_axis_angle(np.array([0.4, -0.2, 1.0]))
    smoother.smooth(np.eye(3), 0, 1.0, 0.0)
    for step in range(300):
        R = smoother.smooth(target, (step + 1) * 33 * MS, 1.0, 0.0)
        np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(R, target, atol=1e-3)
