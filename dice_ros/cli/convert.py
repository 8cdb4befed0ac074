"""``dice-ros convert``: published files in, safe files that the estimators load out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from dice_ros.body.dice_bodies import FILE_NAME as BODIES_NAME
from dice_ros.body.dice_bodies import is_bodies_file, save_bodies
from dice_ros.body.licensed_bodies import read_licensed_bodies, read_licensed_hands
from dice_ros.body.licensed_files import (
    BODY_FILES,
    DICE_CHECKPOINT,
    HAND_FILES,
    INTERWILD_CHECKPOINT,
)
from dice_ros.body.mano_pair import FILE_NAME as HANDS_NAME
from dice_ros.body.mano_pair import is_hands_file, save_hands
from dice_ros.checkpoints.weights_file import is_weights_file
from dice_ros.errors import OutputError
from dice_ros.model_folder import ENVIRONMENT_VARIABLE, model_folder
from dice_ros.networks.conversion_report import ConversionReport
from dice_ros.optional_packages import importing

_WEIGHTS_NAME = "dice.safetensors"
_INTERWILD_NAME = "interwild.safetensors"


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser(
        "convert",
        help="convert published weights and body models",
        description="Read published files without executing anything in them, check every array, "
        f"and write files that load safely. Results go to ${ENVIRONMENT_VARIABLE}, or "
        "dice_ros/models in the user's data folder, unless --out says otherwise.",
    )
    kinds = parser.add_subparsers(title="what", metavar="KIND", required=True)

    dice = kinds.add_parser(
        "dice",
        help=f"the weights of DICE ({DICE_CHECKPOINT.name})",
        description=f"Convert {DICE_CHECKPOINT.name}, a pickled module, or a plain state dict. Any "
        "name in the pickle that DICE does not need is refused. "
        f"Source: {DICE_CHECKPOINT.source}.",
    )
    dice.add_argument("source", type=Path, metavar="MODEL_BIN", help="the published checkpoint")
    dice.add_argument("--out", type=Path, metavar="FILE", help=f"default: {_WEIGHTS_NAME}")
    dice.set_defaults(command=_convert_dice)

    names = ", ".join(item.name for item in BODY_FILES)
    bodies = kinds.add_parser(
        "bodies",
        help="FLAME, MANO and the files beside the weights",
        description=f"Convert these files, found anywhere below FOLDER: {names}. "
        "`dice-ros doctor` says where each is to be had.",
    )
    bodies.add_argument("folder", type=Path, metavar="FOLDER", help="holds the licensed files")
    bodies.add_argument("--out", type=Path, metavar="FILE", help=f"default: {BODIES_NAME}")
    bodies.set_defaults(command=_convert_bodies)

    interwild = kinds.add_parser(
        "interwild",
        help=f"the weights of InterWild ({INTERWILD_CHECKPOINT.name})",
        description=f"Convert {INTERWILD_CHECKPOINT.name}, a training snapshot, or a plain state "
        "dict. Any name in the pickle that a state dict does not need is refused. "
        f"Source: {INTERWILD_CHECKPOINT.source}.",
    )
    interwild.add_argument("source", type=Path, metavar="SNAPSHOT", help="published checkpoint")
    interwild.add_argument("--out", type=Path, metavar="FILE", help=f"default: {_INTERWILD_NAME}")
    interwild.set_defaults(command=_convert_interwild)

    names = ", ".join(item.name for item in HAND_FILES)
    hands = kinds.add_parser(
        "hands",
        help="both MANO hands, for InterWild",
        description=f"Convert these files, found anywhere below FOLDER: {names}. The shape "
        "directions of the distributed left hand are repaired if they need it.",
    )
    hands.add_argument("folder", type=Path, metavar="FOLDER", help="holds the licensed files")
    hands.add_argument("--out", type=Path, metavar="FILE", help=f"default: {HANDS_NAME}")
    hands.set_defaults(command=_convert_hands)


def _convert_dice(options: argparse.Namespace) -> int:
    with importing("convert dice"):
        from dice_ros.networks.dice_weights import convert_dice  # noqa: PLC0415

    return _convert_weights(options, _WEIGHTS_NAME, convert_dice)


def _convert_interwild(options: argparse.Namespace) -> int:
    with importing("convert interwild"):
        from dice_ros.networks.interwild.weights import convert_interwild  # noqa: PLC0415

    return _convert_weights(options, _INTERWILD_NAME, convert_interwild)


def _convert_weights(
    options: argparse.Namespace, name: str, convert: Callable[[Path, Path], ConversionReport]
) -> int:
    target = _target(options.out, name, is_weights_file)
    sys.stderr.write(f"reading {options.source} ...\n")
    report = convert(options.source, target)
    left = f", {report.dropped} that are never used left behind" if report.dropped else ""
    sys.stdout.write(
        f"{target}: {report.tensors} tensors, {report.parameters / 1e6:.1f} million numbers{left}\n"
    )
    _say_synthetic(report.synthetic)
    return 0


def _convert_hands(options: argparse.Namespace) -> int:
    target = _target(options.out, HANDS_NAME, is_hands_file)
    sys.stderr.write(f"reading {options.folder} ...\n")
    hands = read_licensed_hands(options.folder)
    try:
        save_hands(target, hands)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error}") from error
    sys.stdout.write(f"{target}: MANO, right and left\n")
    _say_synthetic(hands.synthetic)
    return 0


def _convert_bodies(options: argparse.Namespace) -> int:
    target = _target(options.out, BODIES_NAME, is_bodies_file)
    sys.stderr.write(f"reading {options.folder} ...\n")
    bodies = read_licensed_bodies(options.folder)
    try:
        save_bodies(target, bodies)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error}") from error
    sys.stdout.write(
        f"{target}: FLAME ({len(bodies.flame.template)} vertices) and MANO "
        f"({len(bodies.mano.template)} vertices)\n"
    )
    _say_synthetic(bodies.synthetic)
    return 0


def _target(out: Path | None, name: str, is_ours: Callable[[Path], bool]) -> Path:
    """Where to write to: nothing there, or an earlier conversion; never a licensed file."""
    target = out if out is not None else model_folder() / name
    if target.is_dir():
        target /= name
    if target.exists() and not is_ours(target):
        raise OutputError(
            f"{target} exists and was not made by this command: it is not overwritten; name "
            "another file with --out, or remove it yourself"
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {target.parent}: {error}") from error
    return target


def _say_synthetic(synthetic: bool) -> None:
    if synthetic:
        sys.stdout.write(
            "These are stand-ins: results made with them mean nothing and say 'synthetic'.\n"
        )
