"""What the parts of the node share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dice_ros.ros.calibration import Calibration
from dice_ros.ros.frame_accounting import FrameAccounting
from dice_ros.ros.publications import Publications
from dice_ros.ros.throttled_log import ThrottledLog
from dice_ros.settings import Settings


@dataclass(frozen=True, slots=True)
class NodeTools:
    """What lives as long as the node, in whatever lifecycle state it is.

    Attributes:
        settings: the settings in force.
        now_ns: the node's clock, which may be simulated.
        is_ending: whether ROS shuts down, so that nothing can be published any more.
        accounting, calibration, publications, log: the node's.
    """

    settings: Callable[[], Settings]
    now_ns: Callable[[], int]
    is_ending: Callable[[], bool]
    accounting: FrameAccounting
    calibration: Calibration
    publications: Publications
    log: ThrottledLog
