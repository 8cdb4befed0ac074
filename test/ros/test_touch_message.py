"""Every number of a summary arrives in the field that its message documents."""

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from dice_ros.events.touch_summary import RegionTransition, TouchSummary, TouchTally
from dice_ros.ros.touch_message import summary_message

SUMMARY = TouchSummary(
    start_ns=1_500_000_000,
    end_ns=91_250_000_000,
    observed_s=80.5,
    persons=2,
    touches=7,
    touches_per_hour=313.0,
    dwell_s=21.5,
    by_region=(TouchTally("chin", 5, 223.6, 12.0), TouchTally("nose_tip", 3, 134.2, 9.5)),
    by_part=(TouchTally("palm", 7, 313.0, 21.5),),
    by_side=(TouchTally("left", 1, 44.7, 2.5), TouchTally("right", 6, 268.3, 19.0)),
    transitions=(
        RegionTransition("chin", "nose_tip", slides=1, successions=2),
        RegionTransition("nose_tip", "nose_tip", slides=0, successions=3),
    ),
    intervals_s=(4.0, 1.0, 3.0, 2.0, 0.0),
    longest=None,
)


def test_each_field_holds_its_number():
    message = summary_message(SUMMARY, "camera_optical")
    assert message.header.frame_id == "camera_optical"
    stamps = (message.header.stamp, message.start)
    assert [(stamp.sec, stamp.nanosec) for stamp in stamps] == [(91, 250_000_000), (1, 500_000_000)]
    counts = (message.persons, message.touches)
    assert counts == (2, 7)
    numbers = (message.observed_s, message.touches_per_hour, message.dwell_s)
    assert numbers == (80.5, 313.0, 21.5)
    assert message.region_names == ["chin", "nose_tip"]
    assert list(message.region_touches) == [5, 3]
    assert list(message.region_touches_per_hour) == [223.6, 134.2]
    assert list(message.region_dwell_s) == [12.0, 9.5]
    assert message.part_names == ["palm"]
    assert list(message.part_touches) == [7]
    assert list(message.part_touches_per_hour) == [313.0]
    assert list(message.part_dwell_s) == [21.5]
    assert list(message.side_touches) == [1, 6]
    assert list(message.side_touches_per_hour) == [44.7, 268.3]
    assert list(message.side_dwell_s) == [2.5, 19.0]
    assert message.transition_before == ["chin", "nose_tip"]
    assert message.transition_after == ["nose_tip", "nose_tip"]
    assert list(message.transition_slides) == [1, 0]
    assert list(message.transition_successions) == [2, 3]
    np.testing.assert_allclose(message.interval_quantiles_s, [0.0, 1.0, 2.0, 3.0, 4.0])
    assert (message.longest_id, message.longest_s) == (0, 0.0)
