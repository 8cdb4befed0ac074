"""``dice-ros run``: any input in, meshes, contacts and pictures out."""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import cv2
from tqdm import tqdm

from dice_ros.assets.store import require_assets
from dice_ros.camera import Camera
from dice_ros.cli.setting_options import add_settings, settings_of
from dice_ros.errors import EstimationError, InputError, OutputError
from dice_ros.events.touch_detector import TouchDetector
from dice_ros.pipeline import Pipeline
from dice_ros.render.overlay import OverlayRenderer
from dice_ros.replay.interaction_json import frame_json
from dice_ros.replay.open_source import open_source
from dice_ros.replay.results_writer import ResultsWriter
from dice_ros.replay.run_summary import RunSummary
from dice_ros.replay.source import FrameSource, SourceOptions
from dice_ros.settings import Settings
from dice_ros.types import Frame, FrameResult
from dice_ros.whole_file import write_whole

RESULTS_NAME, OVERLAYS_NAME, SUMMARY_NAME = "results.mcap", "overlays", "summary.json"


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser(
        "run",
        help="process pictures, videos, bags or a webcam",
        description="Process inputs one after the other. Pictures are independent of each other "
        "unless --sequence is given; videos, bags and cameras are followed over time.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="picture, folder of pictures, video, rosbag2 folder, .mcap, .db3, ROS 1 .bag, "
        "or camera:0",
    )
    parser.add_argument("--out", type=Path, help=f"write {RESULTS_NAME}, overlays and a summary")
    parser.add_argument("--json", action="store_true", help="print one JSON line a frame")
    parser.add_argument("--topic", default="", help="image topic of a bag that has several")
    parser.add_argument("--overlay-every", type=int, default=1, metavar="N", help="0 draws none")
    parser.add_argument("--limit", type=int, metavar="N", help="frames of each input")
    parser.add_argument(
        "--focal-length", type=float, metavar="PX", help="of inputs that bring none"
    )
    parser.add_argument("--sequence", action="store_true", help="follow pictures over time, 10 Hz")
    parser.add_argument("--overwrite", action="store_true", help="replace existing results")
    add_settings(parser)
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    settings = settings_of(options)
    if options.out is not None:
        prepare_output(options.out, options.overwrite)
    pipeline = Pipeline(require_assets(), settings)
    total, failed = RunSummary(), 0
    with ExitStack() as stack:
        stack.callback(pipeline.close)
        outputs = _Outputs(options, pipeline)
        stack.callback(outputs.close, total)
        for text in options.inputs:
            try:
                with open_source(text, _source_options(options, settings)) as source:
                    try:
                        _process(source, pipeline, outputs, total, options=options)
                    finally:
                        outputs.end_input()
                    total.drops.update(source.drops)
            except InputError as error:
                sys.stderr.write(f"dice-ros: {error}\n")
                failed += 1
    sys.stderr.write(total.table() + "\n")
    if not total.frames:
        sys.stderr.write("dice-ros: no frame could be processed\n")
    return 1 if failed or not total.frames else 0


def prepare_output(folder: Path, overwrite: bool) -> None:
    """Make the output folder, or say why not, before any work is done.

    Raises:
        OutputError: it holds results already, or cannot be written.
    """
    existing = folder / RESULTS_NAME
    if existing.exists() and not overwrite:
        raise OutputError(f"{existing} exists: choose another folder or add --overwrite")
    try:
        (folder / OVERLAYS_NAME).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error}") from error


def write_picture(path: Path, image: object) -> None:
    """Write an RGB picture as PNG.

    Raises:
        OutputError: the file cannot be written.
    """
    encoded, data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))  # type: ignore[call-overload]
    if not encoded:
        raise OutputError(f"cannot encode the picture {path}")
    try:
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error}") from error


class _Outputs:
    """Everything that is written."""

    def __init__(self, options: argparse.Namespace, pipeline: Pipeline) -> None:
        self._options = options
        self._folder: Path | None = options.out
        self._renderer = OverlayRenderer(pipeline.topologies)
        self._pipeline = pipeline
        self._writer: ResultsWriter | None = None
        self._names: set[str] = set()
        self._touches = TouchDetector(pipeline.settings)
        if self._folder is not None:
            self._writer = ResultsWriter(self._folder / RESULTS_NAME)

    def write(self, result: FrameResult, still: bool) -> None:
        if self._options.json:
            sys.stdout.write(frame_json(result) + "\n")
            sys.stdout.flush()
        if self._folder is None or self._writer is None:
            return
        if not self._names:
            self._writer.write_topologies(self._pipeline.topologies, result.frame.stamp_ns)
            self._names.add("")
        self._writer.write_result(result)
        if not still:
            told = self._touches.update(result.frame.stamp_ns, result.interactions)
            self._writer.write_touches(told)
        every = self._options.overlay_every
        if every > 0 and result.frame.index % every == 0:
            picture = self._renderer.draw(result.frame, result.interactions)
            write_picture(self._folder / OVERLAYS_NAME / self._name(result.frame, still), picture)

    def end_input(self) -> None:
        """What comes next has nothing to do with what came."""
        if self._writer is not None:
            self._writer.write_touches(self._touches.finish())

    def close(self, summary: RunSummary) -> None:
        if self._writer is None or self._folder is None:
            return
        self._writer.close()
        text = json.dumps(summary.as_dict(), indent=1)
        write_whole(self._folder / SUMMARY_NAME, text + "\n")
        sys.stderr.write(f"wrote {self._folder / RESULTS_NAME}, {self._folder / OVERLAYS_NAME}\n")

    def _name(self, frame: Frame, still: bool) -> str:
        stem = Path(frame.source.split(":")[0]).stem or "camera"
        stem = re.sub(r"[^\w.-]+", "_", stem)
        name = stem if still else f"{stem}_{frame.index:06d}"
        while name in self._names:
            name += "_"
        self._names.add(name)
        return name + ".png"


def _process(
    source: FrameSource,
    pipeline: Pipeline,
    outputs: _Outputs,
    summary: RunSummary,
    *,
    options: argparse.Namespace,
) -> None:
    still = not (source.is_sequence or options.sequence)
    pipeline.reset()
    count = source.frame_count
    if options.limit is not None:
        count = options.limit if count is None else min(count, options.limit)
    for frame in _with_progress(source, count, options.limit):
        if still:
            pipeline.reset()
        if frame.camera is None and options.focal_length:
            height, width = frame.image.shape[:2]
            ratio = options.focal_length / max(width, height)
            known = dataclasses.replace(Camera.assume(width, height, ratio), assumed=False)
            frame = dataclasses.replace(frame, camera=known)  # noqa: PLW2901
        try:
            result = pipeline.process(frame)
        except EstimationError as error:
            summary.drops[error.reason] += 1
            sys.stderr.write(f"dice-ros: {frame.source}: {error}\n")
            continue
        summary.add(result)
        outputs.write(result, still)


def _with_progress(source: FrameSource, count: int | None, limit: int | None) -> Iterator[Frame]:
    """Frames, with a bar on a terminal and a line every few seconds elsewhere."""
    terminal = sys.stderr.isatty()
    interval = 0.2 if terminal else 10.0
    bar = tqdm(total=count, desc=source.name, unit="frame", mininterval=interval, file=sys.stderr)
    with bar:
        for number, frame in enumerate(source):
            if limit is not None and number >= limit:
                return
            yield frame
            bar.update()


def _source_options(options: argparse.Namespace, settings: Settings) -> SourceOptions:
    return SourceOptions(topic=options.topic, max_pixels=settings.max_image_pixels)
