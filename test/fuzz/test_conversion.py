"""Malformed messages at the conversion: each one is answered or left out for a documented reason.

How many is set by the variable ``DICE_ROS_FUZZ_CASES``.
"""

from collections import Counter

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from fuzz.fuzz_support import (
    ANSWERED,
    CASES,
    MEMORY_MB,
    MemoryPeak,
    documented_names,
    end_if_it_hangs,
    nothing_hangs_any_more,
    verdict,
)
from fuzz.malformed_messages import KINDS, MalformedMessages
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rclpy.serialization import serialize_message

from dice_ros.ros.image_message import message_of

BATCH = 250


@pytest.fixture(scope="module")
def outcomes():
    """How often each outcome was seen, and that memory stayed bounded."""
    counts, peak = Counter(), MemoryPeak()
    yield counts
    nothing_hangs_any_more()
    assert peak.growth_mb() < MEMORY_MB


# One example is a batch: drawing a hundred thousand examples would take longer than trying them.
@settings(
    max_examples=CASES // BATCH, suppress_health_check=list(HealthCheck), report_multiple_bugs=False
)
@given(seed=st.integers(0, 2**62))
def test_a_malformed_message_is_left_out_for_a_reason_and_nothing_else_happens(outcomes, seed):
    end_if_it_hangs()
    messages = MalformedMessages(seed)
    for number in range(BATCH):
        kind = KINDS[number % len(KINDS)]
        data = messages.any_bytes(kind)
        try:
            outcomes[kind.__name__, verdict(data, kind)] += 1
        except Exception as error:
            raise AssertionError(
                f"case {number} of MalformedMessages({seed}), a {kind.__name__}: {error!r}"
            ) from error


def test_every_reason_is_documented_and_every_kind_was_answered_too(outcomes):
    if not outcomes:
        pytest.skip("the messages were not tried in this run")
    reasons = {reason for _, reason in outcomes} - {ANSWERED, "uncalibrated"}
    assert reasons <= documented_names()
    assert len(reasons) > 15
    for kind in KINDS:
        assert outcomes[kind.__name__, ANSWERED]


@settings(max_examples=500)
@given(data=st.binary(max_size=400), kind=st.sampled_from(KINDS))
def test_any_bytes_are_a_message_or_undecodable(data, kind):
    assert verdict(data, kind)


@settings(max_examples=500)
@given(
    seed=st.integers(0, 1000),
    kind=st.sampled_from(KINDS),
    places=st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), max_size=4),
    length=st.integers(0, 2**16),
)
def test_changed_and_cut_messages_are_answered_or_left_out(seed, kind, places, length):
    changed = bytearray(serialize_message(MalformedMessages(seed).message(kind)))
    for place, value in places:
        changed[place % len(changed)] = value
    assert verdict(bytes(changed[:length]), kind)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_serialized_comes_back_equal(kind):
    message = MalformedMessages(1).message(kind)
    assert message_of(serialize_message(message), kind).header == message.header
