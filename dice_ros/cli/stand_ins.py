"""``dice-ros stand-ins``: files in the licensed formats that anybody may have."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dice_ros.assets.store import require_assets
from dice_ros.body.licensed_files import DICE_CHECKPOINT, INTERWILD_CHECKPOINT
from dice_ros.body.open_hand import OpenHand
from dice_ros.body.open_head import OpenHead
from dice_ros.errors import OutputError
from dice_ros.optional_packages import importing


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser(
        "stand-ins",
        help="make stand-ins for the licensed files, to try the software with",
        description="Write files with the names and formats of FLAME's, MANO's, DICE's and "
        "InterWild's, made from the open head and hand and from random weights. `dice-ros convert` "
        "takes them like the real ones. Results made with them mean nothing and are marked "
        "'synthetic'.",
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where to; made if missing")
    parser.add_argument(
        "--full",
        action="store_true",
        help="networks of the published size (1.5 GB) instead of small ones (120 MB)",
    )
    parser.add_argument(
        "--decaf",
        type=Path,
        metavar="ROOT",
        help="also make a small data set in the layout of Decaf there, for `dice-ros eval`",
    )
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    with importing("stand-ins"):
        from dice_ros.networks.dice import DiceConfig  # noqa: PLC0415
        from dice_ros.networks.dice_config import small_config  # noqa: PLC0415
        from dice_ros.networks.interwild.config import InterWildConfig  # noqa: PLC0415
        from dice_ros.networks.interwild.config import (  # noqa: PLC0415
            small_config as small_interwild,
        )
        from dice_ros.networks.interwild.seeded_weights import (  # noqa: PLC0415
            write_stand_in_snapshot,
        )
        from dice_ros.networks.stand_in_weights import write_stand_in_checkpoint  # noqa: PLC0415
        from dice_ros.synthesis.decaf_set import write_decaf_set  # noqa: PLC0415
        from dice_ros.synthesis.stand_in_bodies import filling, write_stand_ins  # noqa: PLC0415

    folder: Path = options.folder
    if options.decaf is not None and options.decaf.exists() and any(options.decaf.iterdir()):
        raise OutputError(f"{options.decaf} holds other files: name an empty folder")
    assets = require_assets()
    head, hand = OpenHead.load(assets / "head.npz"), OpenHand.load(assets / "hand.npz")
    checkpoint, snapshot = folder / DICE_CHECKPOINT.name, folder / INTERWILD_CHECKPOINT.name
    try:
        with filling(folder) as scratch:
            sys.stderr.write("making bodies (about 10 s) ...\n")
            written = write_stand_ins(scratch, head, hand)
            sys.stderr.write("making weights ...\n")
            config = DiceConfig() if options.full else small_config()
            write_stand_in_checkpoint(scratch / checkpoint.name, config)
            write_stand_in_snapshot(
                scratch / snapshot.name, InterWildConfig() if options.full else small_interwild()
            )
        if options.decaf is not None:
            sys.stderr.write("filming (about 10 s) ...\n")
            write_decaf_set(options.decaf, folder)
    except (OSError, RuntimeError) as error:  # PyTorch's own when the disk is full
        raise OutputError(f"cannot write the stand-ins to {folder}: {error}") from error
    sys.stdout.write(f"{folder}: {len(written) + 2} files\n")
    sys.stdout.write(f"next: dice-ros convert dice {checkpoint}\n")
    sys.stdout.write(f"      dice-ros convert bodies {folder}\n")
    sys.stdout.write(f"      dice-ros convert interwild {snapshot}\n")
    sys.stdout.write(f"      dice-ros convert hands {folder}\n")
    if options.decaf is not None:
        sys.stdout.write(f"      dice-ros eval --dataset decaf {options.decaf} --estimator dice\n")
    return 0
