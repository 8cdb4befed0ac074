"""One frame in, everything about it out: detect and track, estimate, account for the time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dice_ros.camera import Camera
from dice_ros.errors import EstimationError, ImageError
from dice_ros.estimators.open_estimator import open_estimator
from dice_ros.estimators.protocol import LooksAhead
from dice_ros.perception.person_tracker import Observations, PersonTracker, TrackerMemory
from dice_ros.settings import Settings
from dice_ros.stopwatch import Stopwatch
from dice_ros.types import Frame, FrameResult, Interaction, MeshTopology, StageTiming

TOTAL_STAGE = "total"
"""Name of the timing that covers the whole frame."""


@dataclass(frozen=True, slots=True, eq=False)
class Perceived:
    """A frame half-way: everybody in it was found, nobody is reconstructed yet.

    Attributes:
        frame: the image.
        observations: who was found.
        is_reset: everything known before this frame is to be forgotten.
        duration_ms: time spent so far.
    """

    frame: Frame
    observations: Observations
    is_reset: bool
    duration_ms: float


@dataclass(frozen=True, slots=True, eq=False)
class PerceptionMemory:
    """What perception knows from the frames before; see :meth:`Pipeline.perception_memory`."""

    tracker: TrackerMemory
    last_stamp_ns: int | None


class Pipeline:
    """Perception and an estimator, run in turn on the frames of one camera.

    Use from one thread, or :meth:`perceive` from one and :meth:`reconstruct` from another: they
    share nothing, and give what :meth:`process` gives. Frames are expected in stamp order; a stamp
    that jumps back resets all tracks.

    Args:
        asset_dir: folder of the prepared assets.
        settings: validated settings; None takes the defaults.

    Raises:
        AssetError: an asset is missing or corrupt; the message names the command to run.
    """

    def __init__(self, asset_dir: Path, settings: Settings | None = None) -> None:
        self._settings = settings or Settings()
        self._estimator = open_estimator(self._settings, asset_dir)
        self._tracker = PersonTracker(self._settings, asset_dir / "networks")
        self._last_stamp_ns: int | None = None

    @property
    def settings(self) -> Settings:
        """Settings in force."""
        return self._settings

    @property
    def topologies(self) -> tuple[MeshTopology, ...]:
        """Every topology results may refer to."""
        return self._estimator.topologies

    @property
    def status(self) -> Mapping[str, str]:
        """What is worth knowing about the estimator now, by name."""
        return self._estimator.status

    def process(self, frame: Frame) -> FrameResult:
        """Find and reconstruct everybody in a frame.

        Raises:
            ImageError: the image is not (H, W, 3) uint8, is empty or too large.
            EstimationError: nobody's result is usable (of the first person, then); the next frame
                may be fine. If somebody's is, the others are named in ``failures``.
        """
        return self.reconstruct(self.perceive(frame))

    def perceive(self, frame: Frame) -> Perceived:
        """The first half of :meth:`process`: find everybody in a frame.

        Raises:
            ImageError: as :meth:`process`.
        """
        self._check(frame)
        watch = Stopwatch()
        is_reset = self._last_stamp_ns is not None and frame.stamp_ns < self._last_stamp_ns
        if is_reset:
            self._tracker.reset()
        self._last_stamp_ns = frame.stamp_ns
        observations = self._tracker.update(frame, self._camera_for(frame))
        return Perceived(frame, observations, is_reset, watch.total_ms)

    @property
    def looks_ahead(self) -> bool:
        """Whether :meth:`look_ahead` gains anything with this estimator."""
        return isinstance(self._estimator, LooksAhead)

    def look_ahead(self, perceived: Sequence[Perceived]) -> None:
        """Let the network take several frames as one batch, just before :meth:`reconstruct`.

        Args:
            perceived: frames that :meth:`reconstruct` is given next, in that order.
        """
        if isinstance(self._estimator, LooksAhead):
            self._estimator.look_ahead(
                [person for item in perceived for person in item.observations.persons]
            )

    def reconstruct(self, perceived: Perceived) -> FrameResult:
        """The second half of :meth:`process`: reconstruct everybody who was found.

        Raises:
            EstimationError: as :meth:`process`.
        """
        watch = Stopwatch()
        if perceived.is_reset:
            self._estimator.reset()
        people = perceived.observations.persons
        self._estimator.keep_only(frozenset(person.person_id for person in people))
        interactions: list[Interaction] = []
        errors: list[EstimationError] = []
        for person in people:
            try:
                interactions.append(self._estimator.estimate(person))
            except EstimationError as error:
                errors.append(error)
        if errors and not interactions:
            raise errors[0]
        stages = _sum_stages(perceived.observations.timings, interactions)
        total = StageTiming(TOTAL_STAGE, perceived.duration_ms + watch.total_ms)
        return FrameResult(
            perceived.frame,
            tuple(interactions),
            (*stages, total),
            tuple(error.reason for error in errors),
        )

    def perception_memory(self) -> PerceptionMemory:
        """What :meth:`perceive` knows from the frames before."""
        return PerceptionMemory(self._tracker.memory(), self._last_stamp_ns)

    def estimation_memory(self) -> object:
        """What :meth:`reconstruct` knows from the frames before."""
        return self._estimator.memory()

    def restore(self, perception: PerceptionMemory, estimation: object) -> None:
        """Go on where another pipeline with the same settings was."""
        self._tracker.restore(perception.tracker)
        self._last_stamp_ns = perception.last_stamp_ns
        self._estimator.restore(estimation)

    def apply(self, settings: Settings) -> None:
        """Take over changed live settings from the next frame on."""
        self._settings = settings
        self._tracker.apply(settings)
        self._estimator.apply(settings)

    def reset(self) -> None:
        """Forget all tracks (clock jump, loop of a bag)."""
        self._tracker.reset()
        self._estimator.reset()
        self._last_stamp_ns = None

    def close(self) -> None:
        """Release networks and threads; the pipeline cannot be used afterwards."""
        self._tracker.close()
        self._estimator.close()

    def _camera_for(self, frame: Frame) -> Camera:
        if frame.camera is not None:
            return frame.camera
        height, width = frame.image.shape[:2]
        return Camera.assume(width, height, self._settings.assumed_focal_ratio)

    def _check(self, frame: Frame) -> None:
        image = frame.image
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ImageError(
                "bad_image_array",
                f"image is {image.dtype} {image.shape}, expected uint8 (height, width, 3) RGB",
            )
        pixels = image.shape[0] * image.shape[1]
        if not pixels:
            raise ImageError("zero_size", f"image is empty: shape {image.shape}")
        if pixels > self._settings.max_image_pixels:
            raise ImageError(
                "too_many_pixels",
                f"image has {image.shape[1]}x{image.shape[0]} = {pixels} pixels, at most "
                f"{self._settings.max_image_pixels} are allowed (setting max_image_pixels)",
            )


def _sum_stages(
    perception: Iterable[StageTiming], interactions: Iterable[Interaction]
) -> tuple[StageTiming, ...]:
    """Stages of a frame: perception's, then the estimator's summed over persons."""
    total: dict[str, float] = {}
    for timing in (*perception, *(item for found in interactions for item in found.timings)):
        total[timing.stage] = total.get(timing.stage, 0.0) + timing.duration_ms
    return tuple(StageTiming(stage, ms) for stage, ms in total.items())
