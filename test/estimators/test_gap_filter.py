import numpy as np
import pytest

from dice_ros.estimators.landmark_fit.gap_filter import GapFilter

SECOND_NS = 1_000_000_000


def follow(samples, step_s=0.1):
    """Log ratios of (level, change) at a steady rate."""
    gap = GapFilter()
    return np.array(
        [
            gap.follow(level, 0.05, change, round(number * step_s * SECOND_NS))[0]
            for number, (level, change) in enumerate(samples)
        ]
    )


def test_the_change_moves_it_and_the_level_hardly_does():
    rng = np.random.default_rng(0)
    noise = rng.normal(0.0, 0.02, 40)
    found = follow([(value, 0.0) for value in noise[:30]] + [(v, 0.02) for v in noise[30:]])
    assert np.ptp(found[10:30]) < 0.02
    assert found[-1] - found[29] == pytest.approx(0.2, rel=0.4)


def test_it_ends_up_at_the_level():
    assert follow([(0.3, None)] + [(0.1, 0.0)] * 60)[-1] == pytest.approx(0.1, abs=2e-3)


@pytest.mark.parametrize("step_s", [0.02, 0.1])
def test_the_level_draws_at_the_same_speed_whatever_the_rate(step_s):
    held = round(2.0 / step_s)
    found = follow([(0.0, 0.0)] * held + [(0.1, 0.0)] * round(1.0 / step_s), step_s)
    assert found[-1] == pytest.approx(0.1 * (1.0 - np.exp(-1.0)), abs=0.004)


def test_without_a_change_the_level_is_trusted_sooner():
    held = [(0.0, 0.0)] * 30
    assert follow([*held, (0.1, None)])[-1] > 2.5 * follow([*held, (0.1, 0.0)])[-1]


def test_a_hand_beside_the_face_is_forgotten():
    found = follow([(0.3, None), (0.3, 0.0), (np.nan, None), (0.1, 0.5)])
    assert np.isnan(found[2])
    assert found[3] == 0.1


def test_a_gap_and_a_clock_that_goes_back_begin_anew():
    for stamp_ns in (SECOND_NS, -SECOND_NS):
        gap = GapFilter()
        gap.follow(0.3, 0.05, None, 0)
        assert gap.follow(0.1, 0.06, 0.5, stamp_ns) == (0.1, 0.06)


def test_a_repeated_stamp_is_no_division_by_zero():
    gap = GapFilter()
    gap.follow(0.3, 0.05, None, 0)
    assert gap.follow(0.1, 0.05, 0.0, 0)[0] == 0.3
