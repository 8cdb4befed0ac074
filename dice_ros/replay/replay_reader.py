"""From bags to the images of every camera, in order, each exactly once."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dice_ros.camera import Camera
from dice_ros.errors import CameraError, ImageError
from dice_ros.replay.camera_topics import CameraTopics
from dice_ros.replay.recorded_bag import RecordedBag
from dice_ros.replay.recorded_image import camera_of, stamp_of
from dice_ros.replay.recording import StoredMessage
from dice_ros.replay.stamp_order import Ordered, StampOrder

SKIPPED_BY_EVERY = "skipped_by_every"

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What is read.

    Attributes:
        start_ns, stop_ns: recorded times, from and up to (not including); None for all.
        every: of each camera, take one image in so many.
        keep: names of topics handed on as they are.
    """

    start_ns: int | None = None
    stop_ns: int | None = None
    every: int = 1
    keep: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class ImageTicket:
    """One recorded image, not decoded yet.

    Attributes:
        number: of everything that is handed out, from 0.
        camera: index of the camera.
        index: of the images of this camera, from 0.
        message: what was recorded.
        stamp_ns: its header stamp; 0 if it has none.
        log_time_ns: recorded time; never less than that of the image before.
        calibration: calibration in force when it was recorded, if any.
        skipped: why it is not processed; empty if it is.
    """

    number: int
    camera: int
    index: int
    message: StoredMessage
    stamp_ns: int
    log_time_ns: int
    calibration: Camera | None
    skipped: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class KeptTicket:
    """One recorded message that is copied into the results."""

    number: int
    message: StoredMessage


@dataclass(slots=True, eq=False)
class _CameraState:
    """What reading remembers of one camera."""

    order: StampOrder[tuple[StoredMessage, Camera | None]]
    calibration: Camera | None = None
    images: int = 0
    usable: int = 0
    log_time_ns: int = 0


class ReplayReader:
    """Hands out the images of all cameras; bags one after the other, by their first message.

    Args:
        bags: open bags.
        cameras: which topics are cameras.
        options: what is read.
    """

    def __init__(
        self, bags: Sequence[RecordedBag], cameras: Sequence[CameraTopics], options: ReadOptions
    ) -> None:
        self._bags = sorted(bags, key=lambda bag: bag.start_ns)
        self._cameras = tuple(cameras)
        self._options = options
        self._by_image = {camera.image: n for n, camera in enumerate(cameras)}
        self._states = [_CameraState(StampOrder()) for _ in cameras]
        self._number = 0
        self.notes: list[Counter[str]] = [Counter() for _ in cameras]
        """Of each camera: what was odd about images that are processed all the same."""

    def __iter__(self) -> Iterator[ImageTicket | KeptTicket]:
        options = self._options
        infos = {camera.info for camera in self._cameras if camera.info}
        names = {*self._by_image, *infos, *options.keep}
        for bag in self._bags:
            self._look_ahead(bag)
            for message in bag.messages(names, options.start_ns, options.stop_ns):
                name = message.topic.name
                if name in options.keep:
                    yield KeptTicket(self._next_number(), message)
                if name in infos:
                    self._calibrate(message)
                if name in self._by_image:
                    yield from self._image(self._by_image[name], message)
        for camera, state in enumerate(self._states):
            for ordered in state.order.flush():
                yield self._ticket(camera, ordered)

    def _look_ahead(self, bag: RecordedBag) -> None:
        """The first calibrations: drivers often send them just after the first image, or once."""
        counts = bag.counts
        missing = {
            camera.info
            for camera, state in zip(self._cameras, self._states, strict=True)
            if state.calibration is None and camera.info and counts[camera.info]
        }
        if not missing:
            return
        for message in bag.messages(missing):
            self._calibrate(message, only_first=True)
            missing.discard(message.topic.name)
            if not missing:
                return

    def _calibrate(self, message: StoredMessage, *, only_first: bool = False) -> None:
        for number, camera in enumerate(self._cameras):
            state = self._states[number]
            if camera.info != message.topic.name or (only_first and state.calibration):
                continue
            try:
                state.calibration = camera_of(message)
            except (CameraError, ImageError) as error:
                if only_first or error.reason == "uncalibrated":
                    continue
                self._note(number, f"camera_info_{error.reason}", str(error))

    def _image(self, camera: int, message: StoredMessage) -> Iterator[ImageTicket]:
        state = self._states[camera]
        try:
            stamp_ns = stamp_of(message)
        except ImageError as error:
            yield ImageTicket(
                number=self._next_number(),
                camera=camera,
                index=self._next_index(state),
                message=message,
                stamp_ns=0,
                log_time_ns=message.log_time_ns,
                calibration=None,
                skipped=error.reason,
            )
            return
        for ordered in state.order.push(stamp_ns, (message, state.calibration)):
            yield self._ticket(camera, ordered)

    def _ticket(
        self, camera: int, ordered: Ordered[tuple[StoredMessage, Camera | None]]
    ) -> ImageTicket:
        state = self._states[camera]
        message, calibration = ordered.item
        if ordered.note:
            self._note(camera, ordered.note, f"{message.topic.name} at {ordered.stamp_ns} ns")
        state.log_time_ns = max(state.log_time_ns, message.log_time_ns)
        taken = state.usable % self._options.every == 0
        state.usable += 1
        return ImageTicket(
            number=self._next_number(),
            camera=camera,
            index=self._next_index(state),
            message=message,
            stamp_ns=ordered.stamp_ns,
            log_time_ns=state.log_time_ns,
            calibration=calibration,
            skipped="" if taken else SKIPPED_BY_EVERY,
        )

    def _next_number(self) -> int:
        self._number += 1
        return self._number - 1

    @staticmethod
    def _next_index(state: _CameraState) -> int:
        state.images += 1
        return state.images - 1

    def _note(self, camera: int, note: str, text: str) -> None:
        self.notes[camera][note] += 1
        if self.notes[camera][note] == 1:
            _LOG.warning("%s (further ones are counted): %s", note, text)
