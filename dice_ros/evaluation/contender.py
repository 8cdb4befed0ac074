"""What is evaluated: anything that says where a head and a right hand are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from dice_ros.camera import Camera
from dice_ros.datasets.decaf_pictures import DecafPicture
from dice_ros.evaluation.compared_frames import TrueFrames
from dice_ros.evaluation.frame_score import FrameScore
from dice_ros.evaluation.score_frames import FrameName, FrameScorer


@dataclass(frozen=True, slots=True, eq=False)
class Round:
    """Some frames of one video, ready to be judged. N frames.

    Attributes:
        names: (N,) which.
        pictures: (N,) what was filmed; empty for a contender that needs none.
        truth: (N) what is to be found.
        camera: calibration of the whole picture.
    """

    names: Sequence[FrameName]
    pictures: Sequence[DecafPicture]
    truth: TrueFrames
    camera: Camera


class Contender(Protocol):
    """A method under evaluation; used from one thread."""

    @property
    def name(self) -> str:
        """For the table."""

    @property
    def needs_pictures(self) -> bool:
        """Whether pictures have to be read for it."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know about its figures, e.g. which are not defined for it and why."""

    def score(self, frames: Round, scorer: FrameScorer) -> list[FrameScore]:
        """Judge its result of some frames, in their order."""

    def close(self) -> None:
        """Free networks; the contender cannot be used afterwards."""
