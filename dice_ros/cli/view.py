"""``dice-ros view``: results in a window, or one frame of them as a mesh file."""

from __future__ import annotations

import argparse
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from dice_ros.errors import InputError
from dice_ros.replay.output_path import refuse_existing
from dice_ros.replay.results_reader import (
    ResultFrame,
    read_frames,
    read_topologies,
    result_cameras,
)
from dice_ros.viewer.frame_mesh import frame_mesh
from dice_ros.viewer.mesh_files import FORMATS, write_mesh


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser(
        "view",
        help="look at results in 3D, or export a frame as a mesh",
        description="Play results in a window (needs Open3D: pip install open3d). Space plays and "
        "pauses, left and right step, the slider scrubs. With --export nothing is opened and "
        "nothing needed: one frame is written as a mesh with vertex colours.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("results", type=Path, metavar="RESULTS.mcap")
    parser.add_argument("--frame", type=int, default=0, metavar="N", help="from 0; -1 is the last")
    parser.add_argument(
        "--export", type=Path, metavar="FILE", help=f"write a mesh: {', '.join(FORMATS)}"
    )
    parser.add_argument("--camera", metavar="NAME", help="of results of several cameras")
    parser.add_argument(
        "--screenshot",
        type=Path,
        metavar="FILE.png",
        help="save the picture of the frame and close",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    for path in (options.export, options.screenshot):
        if path is not None:
            refuse_existing(path, overwrite=options.overwrite)
    camera = chosen_camera(options.results, options.camera)
    topologies = read_topologies(options.results)
    if options.export is not None:
        frame = _frame(read_frames(options.results, camera), options.frame)
        write_mesh(options.export, frame_mesh(frame.interactions, topologies))
        sys.stderr.write(f"wrote {options.export}\n")
        return 0
    frames = list(read_frames(options.results, camera))
    from dice_ros.viewer.window import show  # noqa: PLC0415 - Open3D takes seconds to import

    show(
        frames,
        topologies,
        title=options.results.name,
        at=_frame_number(options.frame, len(frames)),
        screenshot=options.screenshot,
    )
    return 0


def chosen_camera(results: Path, name: str | None) -> str:
    """The prefix of one camera's topics.

    Raises:
        InputError: there is no such camera, or there are several and none was named.
    """
    cameras = result_cameras(results)
    if not cameras:
        raise InputError(f"{results} holds no results: expected a file of `dice-ros run` or replay")
    if name is None and len(cameras) > 1:
        raise InputError(f"{results} holds several cameras: name one, --camera {cameras[0]}")
    if name is not None and name not in cameras:
        raise InputError(f"{results} holds no camera {name!r}, but {', '.join(cameras)}")
    return cameras[0] if name is None else name


def _frame(frames: Iterator[ResultFrame], wanted: int) -> ResultFrame:
    """One frame, counted from the end if negative; never more than it takes in memory."""
    last: deque[ResultFrame] = deque(maxlen=max(1, -wanted))
    count = 0
    for frame in frames:
        last.append(frame)
        count += 1
        if count == wanted + 1:
            return frame
    _frame_number(wanted, count)
    return last[0]


def _frame_number(wanted: int, count: int) -> int:
    if not -count <= wanted < count:
        raise InputError(f"there is no frame {wanted}: the results hold {count}, from 0")
    return wanted % count
