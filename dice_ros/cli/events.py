"""``dice-ros events``: touches of a results file, for people, spreadsheets and behaviour coders."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from dice_ros.cli.setting_options import add_settings, settings_of
from dice_ros.errors import InputError
from dice_ros.events.boris_table import boris_text
from dice_ros.events.elan_text import elan_text
from dice_ros.events.parquet_file import write_parquet
from dice_ros.events.summary_text import summary_text
from dice_ros.events.touch_event import TouchEvent
from dice_ros.events.touch_list import TouchList
from dice_ros.events.touch_statistics import summarise_touches
from dice_ros.events.touch_table import csv_text
from dice_ros.replay.output_path import refuse_existing
from dice_ros.replay.results_reader import read_touch_events, result_cameras
from dice_ros.replay.touch_recount import observed_time, recount_touches
from dice_ros.settings import Settings
from dice_ros.whole_file import write_whole

FORMATS = ("csv", "parquet", "elan", "boris")
_TEXTS = {"csv": csv_text, "elan": elan_text, "boris": boris_text}
_SETTINGS_PREFIX = "touch_"


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser(
        "events",
        help="list or export the touches of a results file",
        description="Say who touched where and how often, or write the touches for a spreadsheet "
        "(csv, parquet), for ELAN (import as tab-delimited text) or as BORIS writes aggregated "
        "events. Times are seconds since the first image. See docs/events.md.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "results", type=Path, metavar="RESULTS.mcap", help="what run, replay or demo wrote"
    )
    parser.add_argument("--format", choices=FORMATS, help="what to write; needs --out")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to write it")
    parser.add_argument("--camera", metavar="PREFIX", help="of several cameras, e.g. /left")
    parser.add_argument(
        "--recount",
        action="store_true",
        help="count again instead of taking what was told at the time; any setting does so, too",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")
    add_settings(parser, _SETTINGS_PREFIX, "settings to count with")
    parser.set_defaults(command=_events)


def _events(options: argparse.Namespace) -> int:
    _check(options)
    path: Path = options.results
    settings = settings_of(options, _SETTINGS_PREFIX)
    camera = _camera(path, options.camera)
    observed = observed_time(path, settings, camera)
    is_asked = options.recount or settings != Settings().for_recordings()
    events: Sequence[TouchEvent] = () if is_asked else tuple(read_touch_events(path, camera))
    if not events:
        # Files from before there were touch events have none: count them now.
        events = tuple(recount_touches(path, settings, camera))
    name = path.name + (f" {camera}" if camera else "")
    touches = TouchList.of(name, observed.start_ns, observed.end_ns, events)
    if options.out is None:
        sys.stdout.write(summary_text(touches, summarise_touches(events, observed)) + "\n")
        return 0
    _write(options.out, options.format, touches)
    sys.stderr.write(
        f"wrote {len(touches.touches)} touches to {options.out}; 0 s is {touches.start_text}\n"
    )
    return 0


def _check(options: argparse.Namespace) -> None:
    if (options.format is None) != (options.out is None):
        raise InputError("give both --format and --out to export, or neither to see a summary")
    if options.out is not None:
        refuse_existing(options.out, overwrite=options.overwrite)


def _camera(path: Path, wanted: str | None) -> str:
    found = result_cameras(path)
    if not found:
        raise InputError(f"{path} holds no interactions: it was not made by run, replay or demo")
    if wanted is None and len(found) == 1:
        return found[0]
    if wanted in found:
        return str(wanted)
    asked = "it has several" if wanted is None else f"{wanted} is not among them"
    names = ", ".join(name or '""' for name in found)
    raise InputError(f"choose a camera of {path} with --camera ({asked}): {names}")


def _write(path: Path, kind: str, touches: TouchList) -> None:
    if kind == "parquet":
        write_parquet(path, touches)
        return
    write_whole(path, _TEXTS[kind](touches))
