"""How much is tried, what one case comes to, and how memory and time are kept in sight."""

import faulthandler
import os
from contextlib import suppress
from pathlib import Path

from sensor_msgs.msg import CameraInfo

from dice_ros.camera_message_fields import camera_from_fields
from dice_ros.errors import CameraError, ImageError
from dice_ros.ros.image_message import frame_of, message_of

CASES = int(os.environ.get("DICE_ROS_FUZZ_CASES", "100000"))
"""At the conversion; a node gets a part of them."""
NODE_CASES = max(3000, CASES // 50)
MAX_PIXELS = 4096
MEMORY_MB = 150
"""More than this above the start is a leak or a message believed: pictures are tiny."""
HANG_S = 300
ANSWERED = "answered"
ROOT = Path(__file__).parents[2]


def verdict(data, kind):
    """The reason for which a message is left out, or :data:`ANSWERED`.

    Any error but ours goes through: that is what is looked for.
    """
    try:
        message = message_of(data, kind)
        if kind is CameraInfo:
            fit_if_possible(camera_from_fields(message))
        else:
            frame = frame_of(message, max_pixels=MAX_PIXELS, source="fuzz", index=0)
            assert frame.image.shape[2] == 3
            assert 0 < frame.image.shape[0] * frame.image.shape[1] <= MAX_PIXELS
            assert frame.stamp_ns > 0
    except (CameraError, ImageError) as error:
        assert str(error)
        return error.reason
    return ANSWERED


def fit_if_possible(camera):
    """A calibration that is accepted can be used for images of any size or says why not."""
    for width, height in ((1, 1), (33, 21), (camera.width, camera.height)):
        try:
            assert camera.fitted(width, height).width == width
        except CameraError as error:
            assert error.reason == "camera_size_mismatch"


def documented_names():
    """Every reason and note that the documentation explains."""
    text = (ROOT / "docs" / "topics.md").read_text()
    return {part.strip() for part in text.split("`")[1::2]}


def end_if_it_hangs():
    """From now on one batch may take :data:`HANG_S` seconds; then the process says where it is."""
    faulthandler.dump_traceback_later(HANG_S, exit=True)


def nothing_hangs_any_more():
    faulthandler.cancel_dump_traceback_later()


class MemoryPeak:
    """The most memory this process needs from now on."""

    def __init__(self):
        # Where the system does not let us start anew, the peak of earlier tests hides ours.
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
        self._start_mb = _status_mb("VmHWM")

    def growth_mb(self):
        return _status_mb("VmHWM") - self._start_mb


def _status_mb(name):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"no {name} in /proc/self/status")
