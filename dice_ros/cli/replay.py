"""``dice-ros replay``: every image of recordings in, one results file out."""

from __future__ import annotations

import argparse
import logging
import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path

from tqdm import tqdm

from dice_ros.assets.store import require_assets
from dice_ros.cli.interruption import Interruption
from dice_ros.cli.setting_options import add_settings, settings_of
from dice_ros.pipeline import Pipeline
from dice_ros.replay.replay_job import RecordedTime, ReplayJob, ReplayOptions, summary_path
from dice_ros.replay.results_writer import partial_path

_WORKERS = 2
_LOG = logging.getLogger(__name__)


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser(
        "replay",
        help="process every image of recordings, reproducibly",
        description="Process every image of every camera in one or more bags exactly once, in the "
        "order of their stamps, and write the results as MCAP. The same input gives the same "
        "bytes, whatever --workers says. No ROS is needed. See docs/replay.md.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "bags",
        nargs="+",
        metavar="BAG",
        help="rosbag2 folder, .mcap, .db3 (each also with .zstd behind) or ROS 1 .bag",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="OUT.mcap", help="the results")
    parser.add_argument(
        "--topics",
        nargs="+",
        default=(),
        metavar="TOPIC",
        help="image topics, by name or pattern ('/left/*'), each optionally followed by its "
        "camera_info topic; all topics of an image type unless given",
    )
    parser.add_argument(
        "--start",
        type=_time,
        metavar="S",
        help="seconds after the start of the recording, or @S seconds since 1970; recorded time",
    )
    parser.add_argument("--end", type=_time, metavar="S", help="up to, not including; as --start")
    parser.add_argument(
        "--every", type=_positive, default=1, metavar="N", help="of each camera, one image in N"
    )
    parser.add_argument(
        "--keep",
        nargs="*",
        metavar="TOPIC",
        help="copy these topics (names or patterns) into the results; without names, the images "
        "and calibrations",
    )
    parser.add_argument("--markers", action="store_true", help="write RViz markers, too")
    parser.add_argument(
        "--workers",
        type=_positive,
        default=_WORKERS,
        metavar="N",
        help="threads that estimate: one per camera, then two per camera; more are of no use",
    )
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true", help="go on with an unfinished replay")
    again.add_argument("--overwrite", action="store_true", help="replace existing results")
    add_settings(parser)
    parser.set_defaults(command=_replay)


def _replay(options: argparse.Namespace) -> int:
    settings = settings_of(options)
    wanted = ReplayOptions(
        bags=tuple(options.bags),
        out=options.out,
        topics=tuple(options.topics),
        start=options.start,
        end=options.end,
        every=options.every,
        keep=None if options.keep is None else tuple(options.keep),
        markers=options.markers,
        workers=options.workers,
        resume=options.resume,
        overwrite=options.overwrite,
    )
    if options.resume and options.out.exists() and not partial_path(options.out).exists():
        sys.stderr.write(f"{options.out} is complete already\n")
        return 0
    assets = require_assets()
    with Interruption() as interruption:
        with ReplayJob(wanted, settings, lambda: Pipeline(assets, settings)) as job:
            if job.resumed:
                done = sum(account.read for account in job.summary.accounts)
                sys.stderr.write(f"going on after {done} images\n")
            try:
                _run(job, interruption)
            finally:
                sys.stderr.write(job.summary.table() + "\n")
        if interruption.is_asked():
            sys.stderr.write(
                f"{partial_path(options.out)} holds the results so far; --resume goes on\n"
            )
            raise KeyboardInterrupt
    sys.stderr.write(f"wrote {options.out}, {summary_path(options.out)}\n")
    if not job.summary.processed:
        sys.stderr.write("dice-ros: no image could be processed\n")
    if job.summary.is_incomplete:
        sys.stderr.write("dice-ros: not everything could be read, see above\n")
    return 1 if job.summary.is_incomplete or not job.summary.processed else 0


def _run(job: ReplayJob, interruption: Interruption) -> None:
    """A bar on a terminal, a line every few seconds elsewhere."""
    done = sum(account.read for account in job.summary.accounts)
    interval = 0.2 if sys.stderr.isatty() else 10.0
    bar = tqdm(
        total=job.total,
        initial=done,
        desc="replay",
        unit="frame",
        mininterval=interval,
        file=sys.stderr,
    )
    with bar:
        for _ in job.run(interruption.is_asked):
            bar.update()


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def _time(text: str) -> RecordedTime:
    try:
        seconds = Decimal(text.removeprefix("@"))
        return RecordedTime(int(seconds * 1_000_000_000), text.startswith("@"))
    except (InvalidOperation, ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time: expected seconds, or @ and seconds since 1970"
        ) from error
