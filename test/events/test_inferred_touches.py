"""Hands whose contact is inferred from sizes: the gap is known up to a constant and some noise."""

import numpy as np
import pytest
from events.touch_scripts import Stage, at_gap, ms

from dice_ros.events.touch_event import TouchEnd
from dice_ros.types import ContactSource

RATES_HZ = [5.0, 10.0, 30.0, 60.0]
SPEED_MM_S = 150.0
TOUCHED_MS = (1000.0, 3000.0)


def gap_mm(time_ms, speed_mm_s=SPEED_MM_S):
    """A hand comes at a steady speed, touches, and goes."""
    first, last = TOUCHED_MS
    return 1e-3 * speed_mm_s * max(first - time_ms, time_ms - last, 0.0)


def play(gaps, times_ms, offset=0.6, source=ContactSource.PROXIMITY_PRIOR, **settings):
    stage = Stage(**settings)
    for time, gap in zip(times_ms, gaps, strict=True):
        stage.right(float(time), at_gap(gap, offset), source=source)
    return stage


def times(rate_hz, until_ms=4500.0):
    return np.arange(0.0, until_ms, 1000.0 / rate_hz)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("offset", [0.1, 0.6, 2.5])
@pytest.mark.parametrize("speed_mm_s", [100.0, 150.0, 400.0])
def test_a_touch_is_from_arrival_to_departure_whatever_rate_person_and_speed(
    rate_hz, offset, speed_mm_s
):
    at = times(rate_hz)
    stage = play([gap_mm(time, speed_mm_s) for time in at], at, offset)
    (offset_event,) = stage.finish().offsets
    step = 1000.0 / rate_hz
    slack = step + 7.0 / speed_mm_s * 1000.0
    assert ms(offset_event.start_ns) == pytest.approx(TOUCHED_MS[0], abs=slack)
    assert ms(offset_event.end_ns) == pytest.approx(TOUCHED_MS[1], abs=slack)
    assert offset_event.end is TouchEnd.RELEASED


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("seed", range(5))
def test_noise_of_a_millimetre_and_a_half_changes_little(rate_hz, seed):
    at, rng = times(rate_hz), np.random.default_rng(seed)
    stage = play([gap_mm(time) + rng.normal(0.0, 1.5) for time in at], at)
    (offset,) = stage.finish().offsets
    assert ms(offset.start_ns) == pytest.approx(TOUCHED_MS[0], abs=200.0)
    assert ms(offset.end_ns) == pytest.approx(TOUCHED_MS[1], abs=200.0)


@pytest.mark.parametrize("noise_mm", [3.0, 5.0])
@pytest.mark.parametrize("seed", range(5))
def test_flicker_by_millimetres_is_one_touch(noise_mm, seed):
    at, rng = times(30.0), np.random.default_rng(seed)
    stage = play([gap_mm(time) + rng.normal(0.0, noise_mm) for time in at], at)
    assert len(stage.finish().offsets) == 1


def test_a_varying_rate_and_lost_images_change_little():
    rng, at = np.random.default_rng(0), [0.0]
    while at[-1] < 4500.0:
        at.append(at[-1] + float(rng.choice([16.0, 33.0, 66.0, 150.0])))
    (offset,) = play([gap_mm(time) for time in at], at).finish().offsets
    assert ms(offset.start_ns) == pytest.approx(TOUCHED_MS[0], abs=200.0)
    assert ms(offset.end_ns) == pytest.approx(TOUCHED_MS[1], abs=200.0)


@pytest.mark.parametrize("drift_mm_s", [-10.0, 10.0])
def test_a_drift_is_no_departure(drift_mm_s):
    at = times(30.0)
    gaps = [gap_mm(time) + 1e-3 * drift_mm_s * (time - 1000.0) for time in at]
    (offset,) = play(gaps, at, offset=1.5).finish().offsets
    assert ms(offset.end_ns) == pytest.approx(TOUCHED_MS[1], abs=100.0)


def test_rubbing_is_one_touch():
    """The hand goes to and fro over the cheek, and what is inferred follows its pose."""
    at = times(30.0)
    gaps = [gap_mm(time) + 3.0 * np.sin(0.008 * time) for time in at]
    (offset,) = play(gaps, at).finish().offsets
    assert ms(offset.end_ns) == pytest.approx(TOUCHED_MS[1], abs=150.0)


def test_a_hand_that_lifts_for_a_moment_goes_on_touching():
    at = times(30.0)
    gaps = [20.0 if 1800.0 < time < 1950.0 else gap_mm(time) for time in at]
    assert len(play(gaps, at).finish().offsets) == 1


def test_a_hand_that_comes_back_touches_again():
    at = times(30.0, 9000.0)
    (first, second) = play([gap_mm(time % 4500.0) for time in at], at, offset=2.5).finish().offsets
    assert ms(second.start_ns) - ms(first.start_ns) == pytest.approx(4500.0, abs=70.0)


def test_an_onset_is_told_soon_after_the_arrival_and_keeps_its_start():
    at = times(30.0)
    stage = play([gap_mm(time) for time in at], at).finish()
    (onset,), (offset,) = stage.onsets, stage.offsets
    assert onset.start_ns == offset.start_ns
    assert ms(onset.stamp_ns) - ms(onset.start_ns) == pytest.approx(133.0, abs=35.0)


def test_a_hand_that_flies_past_is_no_touch():
    """It is never nearer than when it turns round, and never there for long."""
    at = times(30.0)
    gaps = [0.3 * abs(time - 2000.0) for time in at]
    assert play(gaps, at, offset=1.0).finish().offsets == []


def test_what_hides_an_arriving_hand_for_a_moment_does_not_matter():
    stage = Stage()
    for time in times(30.0):
        seen = at_gap(gap_mm(time))
        hidden = 930.0 < time < 1010.0
        stage.right(float(time), None if hidden else seen, source=ContactSource.PROXIMITY_PRIOR)
    (offset,) = stage.finish().offsets
    assert ms(offset.start_ns) == pytest.approx(TOUCHED_MS[0], abs=70.0)
    assert offset.confidence <= offset.mean_probability


def test_a_network_is_taken_at_its_word():
    """The same numbers from a network: a touch starts and ends at the probabilities alone."""
    at = times(30.0)
    gaps = [gap_mm(time) for time in at]
    (offset,) = play(gaps, at, 2.5, ContactSource.NETWORK).finish().offsets
    (without,) = play(gaps, at, 2.5, touch_release_drop=0.0).finish().offsets
    assert (offset.start_ns, offset.end_ns) == (without.start_ns, without.end_ns)
    assert ms(offset.start_ns) < 100.0
