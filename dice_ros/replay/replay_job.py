"""A replay from beginning to end: bags in, one results file out, every image accounted for."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dice_ros import __version__
from dice_ros.errors import InputError, OutputError
from dice_ros.events.touch_detector import TouchDetector
from dice_ros.pipeline import Pipeline
from dice_ros.replay.camera_topics import choose_cameras
from dice_ros.replay.checkpoint_file import (
    ReplayCheckpoint,
    checkpoint_path,
    load_checkpoint,
    save_checkpoint,
)
from dice_ros.replay.kept_topics import KeptTopic, as_cdr, kept_topics
from dice_ros.replay.marker_record import MARKER_ARRAY_TYPE, MarkerRecorder
from dice_ros.replay.output_path import refuse_existing
from dice_ros.replay.pipeline_memory import packed, unpacked
from dice_ros.replay.recorded_bag import RecordedBag
from dice_ros.replay.recording import StoredTopic
from dice_ros.replay.replay_engine import Checkpoint, ImageOutcome, ReplayEngine
from dice_ros.replay.replay_reader import KeptTicket, ReadOptions, ReplayReader
from dice_ros.replay.replay_summary import CameraAccount, ReplaySummary
from dice_ros.replay.results_writer import (
    INTERACTION_TOPIC,
    TOPOLOGY_TOPIC,
    TOUCH_EVENT_TOPIC,
    UNLIMITED_BYTES,
    ResultsWriter,
    partial_path,
)
from dice_ros.settings import Settings
from dice_ros.whole_file import write_whole

MARKERS_TOPIC = "/dice/markers"

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RecordedTime:
    """A moment of a recording.

    Attributes:
        time_ns: nanoseconds after the first message of the recording, or since 1970.
        is_absolute: since 1970.
    """

    time_ns: int
    is_absolute: bool = False

    def after(self, start_ns: int) -> int:
        """Nanoseconds since 1970 in a recording that starts then."""
        return self.time_ns if self.is_absolute else start_ns + self.time_ns


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """What is replayed, and how.

    Attributes:
        bags: inputs as the user wrote them.
        out: the finished results.
        topics: names or patterns of image (and camera_info) topics; empty takes all images.
        start, end: part of the recording; None for all. See :class:`RecordedTime`.
        every: of each camera, take one image in so many.
        keep: names or patterns of topics to copy; None copies none, empty the cameras' own.
        markers: write RViz markers.
        workers: threads that estimate.
        resume: go on with an unfinished output.
        overwrite: replace an output.
    """

    bags: tuple[str, ...]
    out: Path
    topics: tuple[str, ...] = ()
    start: RecordedTime | None = None
    end: RecordedTime | None = None
    every: int = 1
    keep: tuple[str, ...] | None = None
    markers: bool = False
    workers: int = 2
    resume: bool = False
    overwrite: bool = False


class ReplayJob:
    """One replay; a context manager.

    Args:
        options: what is replayed, and how.
        settings: of the pipelines.
        make_pipeline: makes one, once for each camera.

    Raises:
        InputError: no bag can be read, there are no images, or it cannot be resumed.
        OutputError: the output exists, or cannot be written.
    """

    def __init__(
        self, options: ReplayOptions, settings: Settings, make_pipeline: Callable[[], Pipeline]
    ) -> None:
        self._options = options
        self._checkpoint_path = checkpoint_path(options.out)
        self._stack = ExitStack()
        _check_output(options)
        try:
            self._set_up(settings, make_pipeline)
        except BaseException:
            self._stack.close()
            raise

    @property
    def total(self) -> int | None:
        """Images expected, about; None if nobody knows."""
        counts = sum((bag.counts for bag in self._bags), Counter())
        announced = sum(counts[camera.image] for camera in self.cameras)
        start, stop = self._read_options.start_ns, self._read_options.stop_ns
        if start is None and stop is None:
            return announced
        first, last = self._start_ns, max(bag.end_ns for bag in self._bags)
        covered = min(last, stop or last) - max(first, start or first)
        return round(announced * min(1.0, max(0.0, covered / max(1, last - first))))

    def run(self, is_stopped: Callable[[], bool]) -> Iterator[ImageOutcome]:
        """Replay; yields every image after its results are safe in the file.

        Args:
            is_stopped: asked a few times a second; True ends early, with the output unfinished.

        Raises:
            OutputError: the disk is full or the output cannot be written.
        """
        done = self.resumed
        tickets = (ticket for ticket in self._reader if ticket.number >= done)
        ended = False
        try:
            for outcome in self._engine.run(tickets, is_stopped):
                if isinstance(outcome, ImageOutcome):
                    self._write(outcome)
                    self.summary.add(outcome)
                    yield outcome
                elif isinstance(outcome, KeptTicket):
                    self._keep(outcome)
                else:
                    self._save(outcome)
            ended = not is_stopped()
        finally:
            self._engine.close()
            self._tell_problems(complete=ended)
            self._finish(complete=ended)

    def close(self) -> None:
        """Free everything."""
        self._stack.close()

    def __enter__(self) -> ReplayJob:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _set_up(self, settings: Settings, make_pipeline: Callable[[], Pipeline]) -> None:
        options = self._options
        self._bag_problems: list[str] = []
        self._bags = self._open_bags()
        topics = {name: topic for bag in reversed(self._bags) for name, topic in bag.topics.items()}
        self.cameras = choose_cameras(topics, options.topics)
        self._start_ns = min((bag.start_ns for bag in self._bags if bag.start_ns), default=0)
        self._kept = self._choose_kept(topics)
        self._read_options = ReadOptions(
            None if options.start is None else options.start.after(self._start_ns),
            None if options.end is None else options.end.after(self._start_ns),
            options.every,
            frozenset(self._kept),
        )
        self._reader = ReplayReader(self._bags, self.cameras, self._read_options)
        self.summary = ReplaySummary(self._accounts())
        self._description = self._describe(settings)
        checkpoint = self._checkpoint()
        pipelines = []
        for _ in self.cameras:
            pipelines.append(make_pipeline())
            self._stack.callback(pipelines[-1].close)
        self._topologies = pipelines[0].topologies
        self._touches = [TouchDetector(settings) for _ in self.cameras]
        self._markers = MarkerRecorder(self._topologies) if options.markers else None
        self._engine = ReplayEngine(
            pipelines, workers=options.workers, max_pixels=settings.max_image_pixels
        )
        self._stack.callback(self._engine.close)
        self.resumed = 0
        """Everything before this ticket was done by an earlier run."""
        if checkpoint is None:
            self._checkpoint_path.unlink(missing_ok=True)
            self._writer = ResultsWriter(options.out, chunk_bytes=UNLIMITED_BYTES)
            return
        self._engine.restore(checkpoint.memories)
        for detector, memory in zip(self._touches, checkpoint.touches, strict=True):
            detector.restore(unpacked(memory))
        self.summary.restore(checkpoint.summary)
        self._writer = ResultsWriter(options.out, resume_chunks=checkpoint.chunks)
        self.resumed = checkpoint.number

    def _open_bags(self) -> list[RecordedBag]:
        bags = []
        for name in self._options.bags:
            try:
                bags.append(self._stack.enter_context(RecordedBag(name)))
            except InputError as error:
                self._bag_problems.append(str(error))
        if not bags:
            raise InputError("; ".join(self._bag_problems))
        for text in self._bag_problems:
            _LOG.warning("%s", text)
        return bags

    def _choose_kept(self, topics: Mapping[str, StoredTopic]) -> dict[str, KeptTopic]:
        wanted: Sequence[str] | None = self._options.keep
        if wanted is None:
            return {}
        if not wanted:
            own = [name for camera in self.cameras for name in (camera.image, camera.info) if name]
            wanted = list(dict.fromkeys(own))
        taken = {TOPOLOGY_TOPIC}
        for camera in self.cameras:
            taken |= {
                camera.prefix + topic
                for topic in (INTERACTION_TOPIC, TOUCH_EVENT_TOPIC, MARKERS_TOPIC)
            }
        return kept_topics(topics, wanted, taken)

    def _accounts(self) -> list[CameraAccount]:
        counts = sum((bag.counts for bag in self._bags), Counter())
        whole = self._read_options.start_ns is None and self._read_options.stop_ns is None
        return [
            CameraAccount(camera.image, counts[camera.image] if whole else None)
            for camera in self.cameras
        ]

    def _describe(self, settings: Settings) -> dict[str, Any]:
        """What must be the same for a replay to go on; the number of workers need not."""
        options = self._options
        return {
            "version": __version__,
            "bags": [[bag.name, bag.byte_count] for bag in self._bags],
            "settings": dataclasses.asdict(settings),
            "cameras": [dataclasses.asdict(camera) for camera in self.cameras],
            "start_ns": self._read_options.start_ns,
            "stop_ns": self._read_options.stop_ns,
            "every": options.every,
            "keep": sorted(self._kept),
            "markers": options.markers,
        }

    def _checkpoint(self) -> ReplayCheckpoint | None:
        if not self._options.resume or not self._checkpoint_path.exists():
            return None
        return load_checkpoint(self._checkpoint_path, self._description)

    def _write(self, outcome: ImageOutcome) -> None:
        result, ticket = outcome.result, outcome.ticket
        if result is not None:
            prefix, log_time_ns = self.cameras[ticket.camera].prefix, ticket.log_time_ns
            if not self._has_topologies:
                self._writer.write_topologies(self._topologies, log_time_ns)
            # Times of stages differ from run to run; results must not.
            bare = dataclasses.replace(result, timings=())
            self._writer.write_result(bare, prefix + INTERACTION_TOPIC, log_time_ns)
            told = self._touches[ticket.camera].update(ticket.stamp_ns, result.interactions)
            self._writer.write_touches(told, prefix + TOUCH_EVENT_TOPIC, log_time_ns)
            if self._markers is not None:
                self._writer.write_raw(
                    prefix + MARKERS_TOPIC,
                    MARKER_ARRAY_TYPE,
                    self._markers.markers(result),
                    ticket.stamp_ns,
                    log_time_ns,
                )
        self._writer.flush()

    @property
    def _has_topologies(self) -> bool:
        return TOPOLOGY_TOPIC in self._writer.topics

    def _keep(self, ticket: KeptTicket) -> None:
        message = ticket.message
        kept = self._kept[message.topic.name]
        try:
            data = as_cdr(message)
        except InputError as error:
            self.summary.kept_damaged += 1
            _LOG.warning("a message is not kept: %s", error)
            return
        self.summary.kept += 1
        time_ns = message.log_time_ns
        self._writer.write_raw(kept.name, kept.kind, data, time_ns, qos=kept.qos)

    def _save(self, checkpoint: Checkpoint) -> None:
        self._writer.flush()
        self._writer.sync()
        found = ReplayCheckpoint(
            number=checkpoint.number,
            chunks=self._writer.chunks,
            memories=checkpoint.memories,
            touches=tuple(packed(detector.memory()) for detector in self._touches),
            summary=self.summary.state(),
        )
        save_checkpoint(self._checkpoint_path, found, self._description)

    def _tell_problems(self, *, complete: bool) -> None:
        texts = [*self._bag_problems]
        texts += [f"{bag.name}: {text}" for bag in self._bags for text in bag.problems]
        self.summary.problems = texts
        for account, notes in zip(self.summary.accounts, self._reader.notes, strict=True):
            account.notes.update(notes)
            if not complete:
                account.announced = None  # What was not read yet is not missing.

    def _end_touches(self) -> None:
        """Offsets that only the end of the recording brings are recorded at its end."""
        end_ns = self._writer.last_time_ns
        for camera, detector in zip(self.cameras, self._touches, strict=True):
            topic = camera.prefix + TOUCH_EVENT_TOPIC
            self._writer.write_touches(detector.finish(), topic, end_ns)
        self._writer.flush()

    def _finish(self, *, complete: bool) -> None:
        if complete:
            self._end_touches()
        self._writer.close(complete=complete)
        if complete:
            self._checkpoint_path.unlink(missing_ok=True)
            text = json.dumps(self.summary.as_dict(), indent=1)
            write_whole(summary_path(self._options.out), text + "\n")


def summary_path(out: Path) -> Path:
    """Where the summary of an output is written."""
    return out.with_name(out.name + ".summary.json")


def _check_output(options: ReplayOptions) -> None:
    out, partial = options.out, partial_path(options.out)
    if out.suffix != ".mcap":
        raise OutputError(f"the output {out} must end in .mcap")
    refuse_existing(out, overwrite=options.overwrite)
    if partial.exists() and not (options.overwrite or options.resume):
        raise OutputError(f"{partial} is an unfinished replay: add --resume or --overwrite")
