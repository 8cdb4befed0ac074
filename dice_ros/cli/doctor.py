"""``dice-ros doctor``: what is installed, what is missing, what to do about it."""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import os
import platform
import sys

from dice_ros import __version__
from dice_ros.assets.store import asset_dir, check_assets

_PACKAGES = ("numpy", "scipy", "opencv-python-headless", "ai-edge-litert", "rosbags", "mcap")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser(
        "doctor",
        help="check the installation",
        description="Check packages, ROS and assets; exit code 1 if landmark_fit cannot run.",
    )
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    del options
    write = sys.stdout.write
    write(f"dice_ros {__version__}, Python {platform.python_version()}, {os.cpu_count()} CPUs\n")
    missing = []
    for name in _PACKAGES:
        try:
            write(f"  {name} {importlib.metadata.version(name)}\n")
        except importlib.metadata.PackageNotFoundError:
            write(f"  {name} is not known to pip\n")
            missing.append(name)
    ros = importlib.util.find_spec("rclpy") is not None
    messages = importlib.util.find_spec("dice_ros.msg") is not None
    write(f"ROS 2: {'found' if ros else 'not found (needed by the node and the demo only)'}\n")
    write(
        f"messages: {'built' if messages else 'not built: run `make messages` or colcon build'}\n"
    )
    problem = check_assets()
    write(f"assets: {problem or f'intact, in {asset_dir()}'}\n")
    if problem:
        write("  run `dice-ros assets`\n")
    write("licensed files (DICE, FLAME, MANO): not needed by the estimator landmark_fit\n")
    return 1 if problem else 0
