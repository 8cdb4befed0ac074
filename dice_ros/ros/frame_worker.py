"""The worker: takes the newest image, decodes, estimates and publishes, in a thread of its own."""

from __future__ import annotations

import dataclasses
import threading
import time
import traceback
from dataclasses import dataclass

from sensor_msgs.msg import CompressedImage, Image

from dice_ros.errors import DroppedFrameError
from dice_ros.ros.image_message import frame_of, message_of
from dice_ros.ros.mailbox import Mailbox, Put
from dice_ros.ros.node_tools import NodeTools
from dice_ros.ros.pipeline_host import PipelineHost
from dice_ros.ros.stage_mark import StageMark
from dice_ros.ros.stamp_watch import StampWatch
from dice_ros.ros.task_thread import TaskThread
from dice_ros.settings import Settings
from dice_ros.types import FrameResult


@dataclass(frozen=True, slots=True)
class Arrival:
    """An image as it was received.

    Attributes:
        data: the serialized message.
        kind: its type.
        topic: where it came from.
    """

    data: bytes
    kind: type[Image] | type[CompressedImage]
    topic: str


class FrameWorker:
    """Answers images from :meth:`start` to :meth:`stop`.

    Args:
        host: where the pipeline is; used by the worker's thread alone until it has stopped.
        tools: what it needs of its node.
        thread: where it works; free for others once it has stopped.
    """

    def __init__(self, host: PipelineHost, tools: NodeTools, thread: TaskThread) -> None:
        self._host = host
        self._tools = tools
        self._mailbox: Mailbox[Arrival] = Mailbox()
        self._stamps = StampWatch()
        self._clock_went_back_to_ns: int | None = None
        self._tracks_are_suspect = False
        self._index = 0
        self._lock = threading.Lock()
        self._abandoned = self._busy = self._started = False
        self.stages = StageMark()
        """What it is doing."""
        self._thread = thread
        self._ended = threading.Event()

    @property
    def waiting(self) -> int:
        """Images that wait: 0 or 1."""
        return self._mailbox.waiting

    @property
    def thread_id(self) -> int | None:
        """Identifier of the thread."""
        return self._thread.ident

    def start(self) -> None:
        """Announce the meshes and begin.

        Raises:
            Exception: the pipeline does not know its meshes.
        """
        self._tools.publications.announce(self._host.current().topologies)
        self._tools.calibration.begin()
        self._started = True
        self._thread.run(self._run)

    def offer(self, arrival: Arrival) -> None:
        """Leave an image; it replaces one that still waits."""
        outcome = self._mailbox.put(arrival)
        if outcome is Put.REPLACED_ANOTHER:
            self._tools.accounting.overwritten()
        elif outcome is Put.REFUSED:
            self._tools.accounting.dropped("inactive")

    def clock_went_back(self, now_ns: int) -> None:
        """The node's clock jumped back: what was seen later than now is forgotten."""
        self._clock_went_back_to_ns = now_ns

    def stop(self, timeout_s: float) -> bool:
        """Finish the image in progress, give up the one that waits.

        Returns:
            False if the image in progress was not finished in time. The worker is then abandoned:
            the image counts as ``stalled``, nothing is published any more, and the worker closes
            the pipeline whenever it comes back. The thread is lost to it.
        """
        for _ in range(self._mailbox.close()):
            self._tools.accounting.dropped("inactive")
        self._tools.calibration.hurry()
        if not self._started:
            return True
        self._ended.wait(timeout_s)
        with self._lock:
            if self._ended.is_set():
                return True
            self._abandoned = True
            if self._busy:
                self._tools.accounting.dropped("stalled")
        return False

    def _run(self) -> None:
        while (arrival := self._mailbox.take()) is not None:
            with self._lock:
                self._busy = True
            self._serve(arrival)
            self.stages.leave()
            if self._abandoned:
                break
        with self._lock:
            self._ended.set()
        if self._abandoned:
            self._host.close()

    def _serve(self, arrival: Arrival) -> None:
        tools = self._tools
        try:
            result = self._answer(arrival)
        except DroppedFrameError as error:
            if self._settle():
                tools.accounting.dropped(error.reason)
                tools.log.warning(error.reason, f"an image is left out: {error}")
            return
        except Exception:  # one image must not end the node
            self._tracks_are_suspect = True
            if self._settle():
                self._count_defect("an image could not be processed")
            return
        if result is None:
            return
        self.stages.enter("publish_extras")
        try:
            tools.publications.extras(result, tools.settings())
        except Exception:  # the answer is out already
            tools.accounting.noted("internal_error_in_extras")
            self._report_defect("touches, frames, markers or overlay could not be published")

    def _answer(self, arrival: Arrival) -> FrameResult | None:
        """The published result; None if this worker was abandoned meanwhile."""
        tools, stages = self._tools, self.stages
        settings = tools.settings()
        taken_s = time.monotonic()
        stages.enter("prepare_pipeline")
        pipeline = self._host.current()
        tools.publications.announce(pipeline.topologies)
        stages.enter("decode")
        self._index += 1
        frame = frame_of(
            message_of(arrival.data, arrival.kind),
            max_pixels=settings.max_image_pixels,
            source=arrival.topic,
            index=self._index,
        )
        decoded_s = time.monotonic()
        stages.enter("wait_for_camera_info", may_wait=True)
        height, width = frame.image.shape[:2]
        camera = tools.calibration.camera_for(
            width,
            height,
            wait_s=settings.camera_info_wait_s,
            focal_ratio=settings.assumed_focal_ratio,
        )
        frame = dataclasses.replace(frame, camera=camera)
        # Waiting for the first calibration is no cost of the node.
        before_s = time.monotonic()
        stages.enter("estimate")
        if self._tracks_end(frame.stamp_ns, (height, width), settings):
            pipeline.reset()
        result = pipeline.process(frame)
        for reason in result.failures:
            tools.accounting.noted(f"person_{reason}")
        pipeline_s = time.monotonic() - before_s
        stages.enter("publish")
        if not self._settle():
            return None
        try:
            tools.publications.answer(result, camera)
        except Exception:  # it is settled already: count it here
            self._count_defect("an answer could not be published")
            return None
        latency_s = (decoded_s - taken_s) + (time.monotonic() - before_s)
        tools.accounting.published(1e3 * latency_s, 1e3 * pipeline_s)
        return result

    def _tracks_end(self, stamp_ns: int, size: tuple[int, int], settings: Settings) -> bool:
        """Whether nothing known from earlier images holds for this one.

        That is so after a jump in time or size, and after a defect that may have left the tracks
        half updated.
        """
        clock_ns, self._clock_went_back_to_ns = self._clock_went_back_to_ns, None
        last_ns = self._stamps.last_ns
        starts_over = clock_ns is not None and last_ns is not None and last_ns > clock_ns
        if starts_over:
            self._stamps.forget()
        verdict = self._stamps.see(
            stamp_ns, size, now_ns=self._tools.now_ns(), late_s=settings.late_frame_s
        )
        for note in verdict.notes:
            self._tools.accounting.noted(note)
        suspect, self._tracks_are_suspect = self._tracks_are_suspect, False
        return starts_over or suspect or verdict.ends_tracks

    def _settle(self) -> bool:
        """Claim the image in progress for counting; False if it was counted at abandonment."""
        with self._lock:
            was_ours, self._busy = self._busy, False
            return was_ours and not self._abandoned

    def _count_defect(self, text: str) -> None:
        ending = self._tools.is_ending()
        self._tools.accounting.dropped("shutdown" if ending else "internal_error")
        self._report_defect(text)

    def _report_defect(self, text: str) -> None:
        if not self._tools.is_ending():
            self._tools.log.error(text, f"{text}; please report this:\n{traceback.format_exc()}")
