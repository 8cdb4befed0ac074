"""Diagnostics: the accounts of the node as text for people and tools."""

from __future__ import annotations

import math

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from dice_ros.ros.frame_accounting import Account

REMEDIES = {
    "unknown_encoding": "let the driver publish rgb8 or bgr8, or put image_proc in between",
    "engine_failed": "see the log; choose another engine or device, or free memory",
    "non_finite_output": "check the weights with `dice-ros doctor --estimator dice`",
    "implausible_placement": "no head in the crop, or weights that are not DICE's",
    "stamp_zero": "the camera driver must stamp its images",
    "truncated_image": "the network loses data: use a reliable publisher or raw images",
    "too_many_pixels": "raise max_image_pixels or shrink the images",
    "nan_intrinsics": "calibrate the camera, or publish zeros in K to have a focal length assumed",
    "camera_size_mismatch": "remap camera_info to the topic of the same camera",
    "overwritten": "images arrive faster than they are processed; only the newest is used",
    "internal_error": "this is a defect of dice_ros: please report it with the log",
}


def diagnostics(
    account: Account, *, state: str, failed: bool, intrinsics_assumed: bool, waiting: int
) -> DiagnosticArray:
    """One status with every count; the header's stamp is left to the caller."""
    status = DiagnosticStatus()
    status.name = "dice_ros: interaction"
    status.hardware_id = "dice_node"
    status.level, status.message = _level(account, state, failed)
    values = {
        "state": state,
        "received": account.received,
        "published": account.published,
        "waiting": waiting,
        "intrinsics_assumed": intrinsics_assumed,
    }
    values |= {f"dropped.{reason}": count for reason, count in sorted(account.drops.items())}
    values |= dict(sorted(account.notes.items()))
    for name, percentiles in (("latency", account.latency_ms), ("overhead", account.overhead_ms)):
        for label, value in zip(("p50", "p99"), percentiles, strict=True):
            values[f"{name}_ms.{label}"] = "unknown" if math.isnan(value) else f"{value:.1f}"
    values |= {
        f"remedy.{name}": REMEDIES[name]
        for name in (*account.drops, *account.notes)
        if name in REMEDIES
    }
    status.values = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
    return DiagnosticArray(status=[status])


def _level(account: Account, state: str, failed: bool) -> tuple[bytes, str]:
    if failed:
        return DiagnosticStatus.ERROR, state
    bad = {reason: count for reason, count in account.drops.items() if reason != "overwritten"}
    if bad:
        text = ", ".join(f"{count} x {reason}" for reason, count in sorted(bad.items()))
        return DiagnosticStatus.WARN, f"images were dropped: {text}"
    if not account.received:
        return DiagnosticStatus.WARN, f"{state}; no image received yet"
    return DiagnosticStatus.OK, state
