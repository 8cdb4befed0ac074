"""Where frames come from when no ROS is running."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType

from dice_ros.camera import Camera
from dice_ros.types import Frame


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How inputs are read.

    Attributes:
        topic: image topic of a bag; empty picks the only one.
        max_pixels: larger images are dropped.
        camera: calibration of all images; None takes what the input brings, if anything.
    """

    topic: str = ""
    max_pixels: int = 33_177_600
    camera: Camera | None = None


class FrameSource(ABC):
    """Frames of one input in order; a context manager that frees what it opened.

    Args:
        name: the input as the user wrote it.
        options: how it is read.
    """

    is_sequence = True
    """False for collections of independent pictures."""

    def __init__(self, name: str, options: SourceOptions) -> None:
        self.name = name
        self.options = options
        self.drops: Counter[str] = Counter()
        """Frames that could not be read, by reason."""

    @property
    @abstractmethod
    def frame_count(self) -> int | None:
        """Frames expected; None if nobody knows."""

    @abstractmethod
    def __iter__(self) -> Iterator[Frame]:
        """Read from the start."""

    def close(self) -> None:  # noqa: B027 - most sources hold nothing open
        """Free files and devices."""

    def __enter__(self) -> FrameSource:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
