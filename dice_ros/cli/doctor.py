"""``dice-ros doctor``: what is installed, what is missing, what to do about it."""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dice_ros import __version__
from dice_ros.assets.store import asset_dir, check_assets
from dice_ros.body.dice_bodies import FILE_NAME as BODIES_NAME
from dice_ros.body.dice_bodies import load_bodies
from dice_ros.body.licensed_files import (
    BODY_FILES,
    DICE_CHECKPOINT,
    HAND_FILES,
    INTERWILD_CHECKPOINT,
    LicensedFile,
    find_file,
    missing_text,
)
from dice_ros.body.mano_pair import FILE_NAME as HANDS_NAME
from dice_ros.body.mano_pair import load_hands
from dice_ros.checkpoints.licensed_check import check_licensed_file
from dice_ros.errors import AssetError
from dice_ros.model_folder import model_folder
from dice_ros.optional_packages import PACKAGES
from dice_ros.settings import schema

_PACKAGES = ("numpy", "scipy", "opencv-python-headless", "ai-edge-litert", "rosbags", "mcap")
_SYNTHETIC = " (SYNTHETIC stand-ins)"
_INSTALL = "missing: run `pip install torch smplx safetensors`"


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser(
        "doctor",
        help="check the installation",
        description="Check packages, ROS, assets, and the files that the learned estimators need. "
        "Exit code 1 if the estimator that was asked about cannot run, or a file in --licensed is "
        "unusable.",
    )
    parser.add_argument(
        "--estimator",
        choices=schema()["estimator"].choices,
        default="landmark_fit",
        help="which estimator decides the exit code (default: %(default)s)",
    )
    parser.add_argument(
        "--licensed",
        type=Path,
        metavar="FOLDER",
        help="also check licensed files, as downloaded, in this folder",
    )
    parser.add_argument(
        "--model-dir", default="", metavar="DIR", help="folder of converted models to check"
    )
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    write = sys.stdout.write
    write(f"dice_ros {__version__}, Python {platform.python_version()}, {os.cpu_count()} CPUs\n")
    for name in _PACKAGES:
        write(f"  {name} {_version(name) or 'is not known to pip'}\n")
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
    ready = {name: _report_models(name, options.model_dir) for name in _NEEDS}
    usable = options.licensed is None or _report_licensed(options.licensed)
    wanted = all(ready.get(part, True) for part in options.estimator.split("+"))
    return 0 if wanted and usable and not problem else 1


@dataclass(frozen=True, slots=True)
class _Model:
    """A converted file: its name, how it is checked, what makes it."""

    name: str
    check: Callable[[Path], str]
    remedy: str


@dataclass(frozen=True, slots=True)
class _Needs:
    """What an estimator runs with, and what that is made from."""

    models: tuple[_Model, ...]
    licensed: tuple[LicensedFile, ...]


def _report_models(estimator: str, setting: str) -> bool:
    """Everything a learned estimator needs; True if it can run."""
    write = sys.stdout.write
    write(f"estimator {estimator} (optional):\n")
    ready = True
    for name in PACKAGES:
        version = _version(name)
        write(f"  {name} {version or _INSTALL}\n")
        ready &= version is not None
    folder = model_folder(setting)
    write(f"  models in {folder}\n")
    needs = _NEEDS[estimator]
    for model in needs.models:
        path = folder / model.name
        if not path.is_file():
            write(f"    {model.name}: missing, made by `{model.remedy}`\n")
            ready = False
            continue
        try:
            write(f"    {model.name}: {model.check(path)}\n")
        except AssetError as error:
            write(f"    {model.name}: {error}\n")
            ready = False
    if not ready:
        write("  licensed files it is made from (`--licensed FOLDER` checks them):\n")
        for item in needs.licensed:
            write(f"    {missing_text(item)}\n")
    return ready


def _report_licensed(folder: Path) -> bool:
    """Licensed files as downloaded; True if those that are there can be converted."""
    write = sys.stdout.write
    write(f"licensed files in {folder}:\n")
    if not folder.is_dir():
        write("  there is no such folder\n")
        return False
    usable = True
    # Some serve several estimators.
    wanted = dict.fromkeys(item for needs in _NEEDS.values() for item in needs.licensed)
    for item in wanted:
        try:
            write(f"  {_state_of(folder, item)}\n")
        except AssetError as error:
            write(f"  {item.name}: {error}\n")
            usable = False
    return usable


def _state_of(folder: Path, item: LicensedFile) -> str:
    path = find_file(folder, item)
    if path is None:
        return f"missing: {missing_text(item)}"
    return f"{item.name}: {_LICENSED_CHECKS.get(item, check_licensed_file)(path)}"


def _check_dice_checkpoint(path: Path) -> str:
    if not _has_pytorch():
        return check_licensed_file(path) + _not_compared("DICE")
    from dice_ros.networks.dice_weights import check_checkpoint  # noqa: PLC0415

    found = check_checkpoint(path)
    return _intact(f"the {found.tensors} tensors of DICE", found.synthetic)


def _check_interwild_checkpoint(path: Path) -> str:
    if not _has_pytorch():
        return check_licensed_file(path) + _not_compared("InterWild")
    from dice_ros.networks.interwild.weights import check_interwild_checkpoint  # noqa: PLC0415

    found = check_interwild_checkpoint(path)
    return _intact(f"the {found.tensors} tensors of InterWild", found.synthetic)


def _check_dice_weights(path: Path) -> str:
    if not _has_pytorch():
        return _readable(path) + _not_compared("DICE")
    from dice_ros.networks.dice_weights import check_dice  # noqa: PLC0415

    return _intact("the tensors of DICE", check_dice(path).synthetic)


def _check_interwild_weights(path: Path) -> str:
    if not _has_pytorch():
        return _readable(path) + _not_compared("InterWild")
    from dice_ros.networks.interwild.weights import check_interwild  # noqa: PLC0415

    return _intact("the tensors of InterWild", check_interwild(path).synthetic)


def _readable(path: Path) -> str:
    from dice_ros.checkpoints.weights_file import read_weights  # noqa: PLC0415

    weights = read_weights(path)
    numbers = sum(array.size for array in weights.tensors.values())
    mark = _SYNTHETIC if weights.origin.synthetic else ""
    return f"readable, {numbers / 1e6:.0f} million numbers{mark}"


def _not_compared(network: str) -> str:
    return f", not compared with {network}: that needs PyTorch"


def _check_hands(path: Path) -> str:
    return _intact("MANO, right and left", load_hands(path).synthetic)


def _check_bodies(path: Path) -> str:
    return _intact("FLAME and MANO", load_bodies(path).synthetic)


def _intact(content: str, synthetic: bool) -> str:
    return f"intact, {content}" + (_SYNTHETIC if synthetic else "")


def _has_pytorch() -> bool:
    try:
        import dice_ros.networks.dice_weights  # noqa: F401, PLC0415
    except ImportError:
        return False
    return True


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


_NEEDS = {
    "dice": _Needs(
        models=(
            _Model(
                "dice.safetensors",
                _check_dice_weights,
                f"dice-ros convert dice {DICE_CHECKPOINT.name}",
            ),
            _Model(BODIES_NAME, _check_bodies, "dice-ros convert bodies FOLDER"),
        ),
        licensed=(DICE_CHECKPOINT, *BODY_FILES),
    ),
    "interwild": _Needs(
        models=(
            _Model(
                "interwild.safetensors",
                _check_interwild_weights,
                f"dice-ros convert interwild {INTERWILD_CHECKPOINT.name}",
            ),
            _Model(HANDS_NAME, _check_hands, "dice-ros convert hands FOLDER"),
        ),
        licensed=(INTERWILD_CHECKPOINT, *HAND_FILES),
    ),
}
_LICENSED_CHECKS = {
    DICE_CHECKPOINT: _check_dice_checkpoint,
    INTERWILD_CHECKPOINT: _check_interwild_checkpoint,
}
