"""Running the pipelines of all cameras so that decoding, estimating and writing overlap.

Every camera has a pipeline of its own, whose two halves (perceive, reconstruct) are lanes. A lane
is always served by the same thread, first come first served, so that every half sees the images of
its camera in order: the number of threads changes when something is computed, never what. What
comes out is in the order of what went in. At most :data:`IN_FLIGHT` images are under way.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TypeAlias

from dice_ros.errors import DroppedFrameError
from dice_ros.pipeline import Perceived, PerceptionMemory, Pipeline
from dice_ros.replay.pipeline_memory import packed, unpacked
from dice_ros.replay.recorded_image import frame_of
from dice_ros.replay.replay_reader import ImageTicket, KeptTicket
from dice_ros.types import Frame, FrameResult

IN_FLIGHT = 8
WINDOW = 4
"""Tickets whose images are shown to the network together. Windows begin at multiples of this and
end at checkpoints, so that what is computed as one batch depends on the recording alone."""
CHECKPOINT_IMAGES = 25
"""Images between two checkpoints: what is computed again at most after a crash."""

INTERNAL_ERROR = "internal_error"
CAMERA_MISMATCH = "camera_info_of_other_size"

_POLL_S = 0.2
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class ImageOutcome:
    """What became of one image: a result, or the reason why there is none."""

    ticket: ImageTicket
    result: FrameResult | None
    reason: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class PipelineMemory:
    """What one camera's pipeline knows, packed."""

    perception: bytes
    estimation: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """After everything before ``number``: what all pipelines know."""

    number: int
    memories: tuple[PipelineMemory, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """An image whose window is not full yet."""

    perceived: Future[Perceived]
    finished: Future[FrameResult]


Outcome: TypeAlias = ImageOutcome | KeptTicket | Checkpoint
_Pending: TypeAlias = Callable[[], Outcome | None]
"""Gives the outcome, or None if it is not there yet after a moment."""


class ReplayEngine:
    """Processes tickets in order.

    Args:
        pipelines: one per camera.
        workers: threads that run them.
        max_pixels: larger images are refused.
    """

    def __init__(self, pipelines: Sequence[Pipeline], *, workers: int, max_pixels: int) -> None:
        self._pipelines = tuple(pipelines)
        self._max_pixels = max_pixels
        self._decoders = ThreadPoolExecutor(workers, thread_name_prefix="decode")
        self._threads = [
            ThreadPoolExecutor(1, thread_name_prefix=f"estimate{n}") for n in range(workers)
        ]
        self._stopped = threading.Event()
        self._slots = threading.Semaphore(IN_FLIGHT)
        self._windows: list[list[_Waiting]] = [[] for _ in self._pipelines]
        self._pending: queue.SimpleQueue[_Pending | BaseException | None] = queue.SimpleQueue()
        self._feeder: threading.Thread | None = None

    def restore(self, memories: Sequence[PipelineMemory]) -> None:
        """Go on after a checkpoint; before :meth:`run`.

        Raises:
            InputError: a memory is damaged.
        """
        for pipeline, memory in zip(self._pipelines, memories, strict=True):
            pipeline.restore(unpacked(memory.perception), unpacked(memory.estimation))

    def run(
        self, tickets: Iterable[ImageTicket | KeptTicket], is_stopped: Callable[[], bool]
    ) -> Iterator[Outcome]:
        """Outcomes in the order of the tickets, with a checkpoint now and then.

        Args:
            tickets: read in a thread of their own.
            is_stopped: asked a few times a second; True ends early.
        """
        self._feeder = threading.Thread(
            target=self._feed, args=(tickets,), name="read", daemon=True
        )
        self._feeder.start()
        while not is_stopped():
            try:
                pending = self._pending.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            if pending is None:
                return
            if isinstance(pending, BaseException):
                raise pending
            outcome = pending()
            while outcome is None:
                if is_stopped():
                    return
                outcome = pending()
            self._slots.release()
            yield outcome

    def close(self) -> None:
        """Stop all threads; what is under way is finished, what waits is dropped."""
        self._stopped.set()
        self._slots.release()
        if self._feeder is not None:
            self._feeder.join()
        for pool in (self._decoders, *self._threads):
            pool.shutdown(wait=True, cancel_futures=True)

    def _feed(self, tickets: Iterable[ImageTicket | KeptTicket]) -> None:
        images = 0
        try:
            for ticket in tickets:
                self._take_slot()
                if self._stopped.is_set():
                    return
                if isinstance(ticket, KeptTicket):
                    self._pending.put(lambda ticket=ticket: ticket)  # type: ignore[misc]
                else:
                    self._pending.put(self._submit(ticket))
                    images += 1
                is_checkpoint = isinstance(ticket, ImageTicket) and images % CHECKPOINT_IMAGES == 0
                if is_checkpoint or (ticket.number + 1) % WINDOW == 0:
                    self._close_windows()
                if is_checkpoint:
                    self._take_slot()
                    self._pending.put(self._checkpoint(ticket.number + 1))
            self._close_windows()
            self._pending.put(None)
        except Exception as error:
            self._close_windows()
            self._pending.put(error)

    def _take_slot(self) -> None:
        while not self._slots.acquire(timeout=_POLL_S):
            if self._stopped.is_set():
                return

    def _submit(self, ticket: ImageTicket) -> _Pending:
        if ticket.skipped:
            return lambda: ImageOutcome(ticket, None, ticket.skipped)
        pipeline = self._pipelines[ticket.camera]
        decoded = self._decoders.submit(self._decode, ticket)
        perceiving, reconstructing = self._lanes(ticket.camera)
        finished: Future[FrameResult]
        if perceiving is reconstructing and not pipeline.looks_ahead:
            finished = perceiving.submit(lambda: pipeline.process(decoded.result()))
        else:
            perceived: Future[Perceived] = perceiving.submit(
                lambda: pipeline.perceive(decoded.result())
            )
            if pipeline.looks_ahead:
                finished = Future()
                self._windows[ticket.camera].append(_Waiting(perceived, finished))
            else:
                finished = reconstructing.submit(lambda: pipeline.reconstruct(perceived.result()))

        def outcome() -> ImageOutcome | None:
            if not wait((finished,), _POLL_S).done:
                return None
            try:
                result = finished.result()
            except DroppedFrameError as error:
                return ImageOutcome(ticket, None, error.reason, str(error))
            except Exception as error:  # One image must not cost the others.
                _LOG.exception("%s: an image could not be processed", ticket.message.topic.name)
                return ImageOutcome(ticket, None, INTERNAL_ERROR, str(error))
            lost = ticket.calibration is not None and result.frame.camera is None
            return ImageOutcome(ticket, result, note=CAMERA_MISMATCH if lost else "")

        return outcome

    def _close_windows(self) -> None:
        """Have everything reconstructed that waits for its window to be full."""
        for camera, pipeline in enumerate(self._pipelines):
            waiting, self._windows[camera] = self._windows[camera], []
            if waiting:
                self._lanes(camera)[1].submit(_reconstruct_together, pipeline, waiting)

    def _decode(self, ticket: ImageTicket) -> Frame:
        return frame_of(
            ticket.message,
            stamp_ns=ticket.stamp_ns,
            index=ticket.index,
            max_pixels=self._max_pixels,
            camera=ticket.calibration,
        )

    def _checkpoint(self, number: int) -> _Pending:
        """Asked of the lanes themselves, behind everything they were given so far."""
        futures: list[tuple[Future[bytes], Future[bytes]]] = []
        for camera, pipeline in enumerate(self._pipelines):
            perceiving, reconstructing = self._lanes(camera)
            futures.append(
                (
                    perceiving.submit(_packed, pipeline.perception_memory),
                    reconstructing.submit(_packed, pipeline.estimation_memory),
                )
            )

        def outcome() -> Checkpoint | None:
            if wait([item for pair in futures for item in pair], _POLL_S).not_done:
                return None
            memories = (PipelineMemory(one.result(), two.result()) for one, two in futures)
            return Checkpoint(number, tuple(memories))

        return outcome

    def _lanes(self, camera: int) -> tuple[ThreadPoolExecutor, ThreadPoolExecutor]:
        """The threads of a camera's two halves: apart if there are more threads than cameras."""
        threads, cameras = self._threads, len(self._pipelines)
        first = threads[camera % len(threads)]
        if cameras + camera < len(threads):
            return first, threads[cameras + camera]
        return first, first


def _reconstruct_together(pipeline: Pipeline, window: Sequence[_Waiting]) -> None:
    """The second half of a pipeline for the images of a window, one batch for the network."""
    ready: list[tuple[Perceived, Future[FrameResult]]] = []
    for item in window:
        try:
            ready.append((item.perceived.result(), item.finished))
        except Exception as error:
            item.finished.set_exception(error)
    try:
        pipeline.look_ahead([perceived for perceived, _ in ready])
    except Exception:  # The images are then computed one by one.
        _LOG.exception("images could not be computed together")
    for perceived, finished in ready:
        try:
            finished.set_result(pipeline.reconstruct(perceived))
        except Exception as error:
            finished.set_exception(error)


def _packed(memory: Callable[[], PerceptionMemory | object]) -> bytes:
    return packed(memory())
