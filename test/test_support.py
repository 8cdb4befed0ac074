"""Waiting in tests."""

import time


def wait_until(condition, timeout_s=15.0):
    """Poll until a condition holds; its last value."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    return condition()
