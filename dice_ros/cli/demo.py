"""``dice-ros demo``: the real node over real DDS on a clip made here, from nothing."""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from pathlib import Path

from dice_ros.cli.assets import show_progress
from dice_ros.cli.demo_processes import DemoError, DemoProcesses
from dice_ros.errors import DiceRosError, OutputError

_RATE_HZ = 10.0
_START_TIMEOUT_S = 60.0
_END_TIMEOUT_S = 20.0


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser(
        "demo",
        help="render a clip, run the ROS 2 node on it, show what it found",
        description="Render a clip of a person touching their face (once), play it as a camera to "
        "the ROS 2 node over DDS, record the results, draw overlays, and compare with the truth.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=Path("demo"), help="folder for everything")
    parser.add_argument("--rate", type=float, default=_RATE_HZ, help="images a second")
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    if importlib.util.find_spec("rclpy") is None:
        raise DiceRosError(
            "ROS 2 is not installed: run `make demo`, which installs it into .venv, or source a "
            "ROS 2 workspace; `dice-ros run` works without ROS"
        )
    # Rendering and networks are heavy to import, and not needed for --help.
    from dice_ros.assets.store import ensure_assets  # noqa: PLC0415
    from dice_ros.cli.demo_clip_cache import ensure_clip  # noqa: PLC0415
    from dice_ros.cli.demo_report import report  # noqa: PLC0415

    started = time.monotonic()
    folder: Path = options.out
    try:
        (folder / "overlays").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error}") from error
    assets = ensure_assets(show_progress)
    ensure_clip(folder, assets)
    sent = play(folder, options.rate)
    sys.stdout.write(report(folder, sent))
    sys.stdout.write(f"\ndone in {time.monotonic() - started:.0f} s\n")
    return 0


def play(folder: Path, rate_hz: float) -> int:
    """Play the clip to the node and record what it says; returns the number of images sent.

    Raises:
        DemoError: a process failed or did not answer.
    """
    from dice_ros.cli.demo_clip_cache import INPUT_NAME  # noqa: PLC0415

    topics = ("image:=/camera/image_raw", "camera_info:=/camera/camera_info")
    with DemoProcesses(folder / "logs") as processes:
        processes.start("recorder", "dice_ros.ros.recorder", str(folder / "results.mcap"))
        processes.start(
            "node", "dice_ros.ros.dice_node", "--ros-args", "-r", topics[0], "-r", topics[1]
        )
        processes.start(
            *("camera", "dice_ros.ros.camera_player", str(folder / INPUT_NAME)),
            *("--rate", str(rate_hz), "--wait", str(_START_TIMEOUT_S), "--wait-ready"),
            *("--image", "/camera/image_raw", "--camera-info", "/camera/camera_info"),
        )
        _watch(processes)
        sent = _number_in(processes.last_line("camera"))
        deadline = time.monotonic() + _END_TIMEOUT_S
        recorded = -1
        while time.monotonic() < deadline and recorded < sent:
            # Overwritten images have no answer: stop waiting when no more answers come.
            time.sleep(1.0)
            now = _number_in(processes.last_line("recorder"))
            if now == recorded:
                break
            recorded = now
        processes.stop("recorder")
        processes.check("recorder")
        processes.stop("node")
        if not recorded:
            raise DemoError(f"the node answered nothing; see {processes.log('node')}")
        return sent


def _watch(processes: DemoProcesses) -> None:
    """Show progress until the camera has played everything."""
    from tqdm import tqdm  # noqa: PLC0415

    from dice_ros.synthesis.demo_clip import FRAME_COUNT  # noqa: PLC0415

    with tqdm(total=FRAME_COUNT, unit="frame", desc="node", file=sys.stderr) as bar:
        while processes.is_running("camera"):
            for name in ("node", "recorder"):
                processes.check(name)
            bar.update(_number_in(processes.last_line("recorder")) - bar.n)
            time.sleep(0.2)
        bar.update(_number_in(processes.last_line("recorder")) - bar.n)
    processes.check("camera")


def _number_in(line: str) -> int:
    """The count at the end of ``sent 12`` or ``recorded 12``; 0 if there is none."""
    word = line.rsplit(" ", 1)[-1]
    return int(word) if word.isdigit() else 0
