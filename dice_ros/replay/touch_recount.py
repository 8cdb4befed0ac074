"""Touches from finished results: for files without touch events, and for other thresholds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dice_ros.events.observed_time import FaceClock, ObservedTime
from dice_ros.events.touch_detector import TouchDetector
from dice_ros.events.touch_event import TouchEvent
from dice_ros.replay.results_reader import read_frames
from dice_ros.settings import Settings


def recount_touches(path: Path, settings: Settings, camera: str = "") -> Iterator[TouchEvent]:
    """The touch events that the interactions of a results file give.

    With the settings of the run they are those of ``read_touch_events``, except that a file does
    not tell where one of several inputs ended if the stamps of the next one go on.

    Args:
        path: the results.
        settings: validated settings; ``touch_*`` are used.
        camera: prefix of the camera's topics.

    Raises:
        InputError: the file is missing or damaged.
    """
    detector = TouchDetector(settings)
    for frame in read_frames(path, camera):
        yield from detector.update(frame.stamp_ns, frame.interactions)
    yield from detector.finish()


def observed_time(path: Path, settings: Settings, camera: str = "") -> ObservedTime:
    """How long faces were watched in a results file.

    Args:
        path: the results.
        settings: validated settings; ``touch_lost_s`` is used.
        camera: prefix of the camera's topics.

    Raises:
        InputError: the file is missing or damaged.
    """
    clock = FaceClock(settings)
    for frame in read_frames(path, camera):
        clock.update(frame.stamp_ns, frame.interactions)
    return clock.observed
