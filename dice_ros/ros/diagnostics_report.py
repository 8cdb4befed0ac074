"""Diagnostics: the accounts of the node as text for people and tools."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from dice_ros.ros.frame_accounting import Account
from dice_ros.ros.watchdog import Severity, Trouble

REMEDIES = {
    "unknown_encoding": "let the driver publish rgb8 or bgr8, or put image_proc in between",
    "engine_failed": "see the log; choose another engine or device, or free memory",
    "undecodable_message": "another version of the message is published: build both sides with "
    "the same one",
    "non_finite_output": "check the weights with `dice-ros doctor --estimator dice`",
    "implausible_placement": "no head in the crop, or weights that are not DICE's",
    "stamp_zero": "the camera driver must stamp its images",
    "truncated_image": "the network loses data: use a reliable publisher or raw images",
    "too_many_pixels": "raise max_image_pixels or shrink the images",
    "nan_intrinsics": "calibrate the camera, or publish zeros in K to have a focal length assumed",
    "camera_size_mismatch": "remap camera_info to the topic of the same camera",
    "bad_roi": "publish zeros in roi, or the window the images really show",
    "lost_in_transport": "sent, but replaced by a newer one or lost before they could be taken: if "
    "they do not fit the buffers of Fast DDS, set FASTDDS_DEFAULT_PROFILES_FILE to dice_ros's "
    "config/fastdds.xml for the camera's process",
    "incompatible_qos": "set image_reliability to best_effort, which matches every publisher",
    "overwritten": "images arrive faster than they are processed; only the newest is used",
    "inactive": "activate the node: ros2 lifecycle set <node> activate",
    "stalled": "the node was deactivated while it hung; see the log for the place",
    "internal_error": "this is a defect of dice_ros: please report it with the log",
    "late_frame": "the camera, the network or this machine is too slow for the images",
    "foreign_clock": "stamps and the clock differ by more than a minute: set use_sim_time and play "
    "the bag with --clock, or synchronise the machines",
    "stamp_went_back": "a bag that starts over, or two cameras on one topic",
    "rebuild_failed": "the parameters were set back; see the log",
}

_RECENT_S = 10.0
_NETWORK_FAILS = ("engine_failed", "non_finite_output")
"""Drops that are no fault of the image: even the plain engine could not do it."""


@dataclass(frozen=True, slots=True)
class NodeState:
    """What the node is doing.

    Attributes:
        name: its full name; tools tell the statuses of several nodes apart by it.
        lifecycle: label of the lifecycle state.
        text: the state in words.
        failure: why it cannot work; None while it can.
        intrinsics_assumed: whether the newest image had no calibration.
        rebuilding: whether another estimator is being built.
        estimator: what it says about itself, e.g. which engine answers.
    """

    name: str
    lifecycle: str
    text: str
    failure: str | None
    intrinsics_assumed: bool
    rebuilding: bool
    estimator: Mapping[str, str] = field(default_factory=dict)


class DiagnosticsReport:
    """Makes the messages; remembers the last seconds, for what is over is no warning."""

    def __init__(self) -> None:
        self._past: deque[tuple[float, Account]] = deque()

    def message(
        self, account: Account, state: NodeState, troubles: tuple[Trouble, ...]
    ) -> DiagnosticArray:
        """One status with every count; the header's stamp is left to the caller."""
        status = DiagnosticStatus()
        status.name = f"{state.name.lstrip('/')}: interaction"
        status.hardware_id = "dice_node"
        status.level, status.message = _level(account, self._remember(account), state, troubles)
        drops = dict(sorted(account.drops.items()))
        if account.overwritten:
            drops["overwritten"] = account.overwritten
        values = {
            "state": state.text,
            "lifecycle": state.lifecycle,
            "received": account.received,
            "published": account.published,
            "in_flight": account.in_flight,
            "intrinsics_assumed": state.intrinsics_assumed,
            "rebuilding": state.rebuilding,
        }
        values |= state.estimator
        values |= {f"dropped.{reason}": count for reason, count in drops.items()}
        values |= {f"trouble.{trouble.name}": trouble.text for trouble in troubles}
        values |= dict(sorted(account.notes.items()))
        percentiles = {"latency": account.latency_ms, "overhead": account.overhead_ms}
        for name, pair in percentiles.items():
            for label, value in zip(("p50", "p99"), pair, strict=True):
                values[f"{name}_ms.{label}"] = "unknown" if math.isnan(value) else f"{value:.1f}"
        named = (name for name in (*drops, *account.notes) if name in REMEDIES)
        values |= {f"remedy.{name}": REMEDIES[name] for name in named}
        status.values = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
        return DiagnosticArray(status=[status])

    def _remember(self, account: Account) -> Account | None:
        """The account of some seconds ago; None in the node's first seconds."""
        now_s = time.monotonic()
        self._past.append((now_s, account))
        while len(self._past) > 1 and self._past[1][0] < now_s - _RECENT_S:
            self._past.popleft()
        at_s, past = self._past[0]
        return past if at_s < now_s - _RECENT_S else None


def _level(
    account: Account, past: Account | None, state: NodeState, troubles: tuple[Trouble, ...]
) -> tuple[bytes, str]:
    if state.failure is not None:
        return DiagnosticStatus.ERROR, state.failure
    errors = [item.text for item in troubles if item.severity is Severity.ERROR]
    if errors:
        return DiagnosticStatus.ERROR, "; ".join(errors)
    warnings = [item.text for item in troubles]
    bad = _since(account.drops, past and past.drops)
    broken = [name for name in _NETWORK_FAILS if name in bad]
    if broken:
        text = "; ".join(f"{bad[name]} x {name}: {REMEDIES[name]}" for name in broken)
        return DiagnosticStatus.ERROR, f"the network fails: {text}"
    bad.pop("inactive", None)
    if bad:
        text = ", ".join(f"{count} x {reason}" for reason, count in sorted(bad.items()))
        warnings.append(f"images were dropped: {text}")
    notes = _since(account.notes, past and past.notes)
    received = account.received - (past.received if past else 0)
    lost = notes.get("lost_in_transport", 0)
    if lost > received:
        warnings.append(f"{lost} images were lost on the way: see the remedy")
    late = notes.get("late_frame", 0)
    if 2 * late > received > 0:
        warnings.append(f"{late} of {received} images came late")
    if "incompatible_qos" in notes:
        warnings.append("the QoS of another node does not match: see the log")
    if warnings:
        return DiagnosticStatus.WARN, "; ".join(warnings)
    if not account.received:
        return DiagnosticStatus.WARN, f"{state.text}; no image received yet"
    return DiagnosticStatus.OK, state.text


def _since(counts: dict[str, int], past: dict[str, int] | None) -> dict[str, int]:
    """Counts that grew."""
    grown = {name: count - (past or {}).get(name, 0) for name, count in counts.items()}
    return {name: count for name, count in grown.items() if count}
