"""``dice-ros report``: touches of recordings as one page to look at and to pass on."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from dice_ros.cli.setting_options import add_settings, settings_of
from dice_ros.errors import InputError
from dice_ros.replay.output_path import refuse_existing
from dice_ros.report.dwell_map import DwellCollector
from dice_ros.report.page import report_page
from dice_ros.report.recording import Recording, read_recordings
from dice_ros.whole_file import write_whole

_SETTINGS_PREFIX = "touch_"


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser(
        "report",
        help="make a page about the touches of results",
        description="Write one HTML file that needs nothing but a browser: a timeline, a heat map "
        "on the head, tables, and all touches as CSV. See docs/report.md.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("results", type=Path, nargs="+", metavar="RESULTS.mcap")
    parser.add_argument("--out", type=Path, required=True, metavar="REPORT.html")
    parser.add_argument(
        "--overlays",
        type=Path,
        metavar="DIR",
        help="pictures of `run`; else overlays/ beside results",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing page")
    add_settings(parser, _SETTINGS_PREFIX, "settings for files without touch events")
    parser.set_defaults(command=_report)


def _name(path: Path, paths: Sequence[Path]) -> str:
    """The file's name, with its folder where others are called the same."""
    same = sum(other.name == path.name for other in paths) > 1
    return f"{path.resolve().parent.name}/{path.name}" if same else path.name


def _report(options: argparse.Namespace) -> int:
    refuse_existing(options.out, overwrite=options.overwrite)
    settings = settings_of(options, _SETTINGS_PREFIX)
    dwell = DwellCollector(settings.contact_probability_min, settings.touch_lost_s)
    recordings: list[Recording] = []
    for path in options.results:
        recordings += read_recordings(path, settings, dwell, _name(path, options.results))
    if not recordings:
        raise InputError(
            f"{options.results[0]} holds no results: expected files of `dice-ros run` or replay"
        )
    page = report_page(recordings, dwell.result(), options.overlays)
    write_whole(options.out, page)
    count = sum(len(item.touches.touches) for item in recordings)
    sys.stderr.write(f"wrote {options.out}: {count} touches, {len(page) // 1000} kB\n")
    return 0
