"""Built engines on disk: found again by what they were built from, never trusted blindly.

One folder an engine, named by a hash of everything that decides what it computes and where it
runs. Folders appear whole (built aside, then renamed). ``engine.json`` lists every file with its
size and sha256; an engine whose list does not match is removed and built again. Of several
processes that want the same engine one builds it and the others wait. Engines hold code that is
run when they are loaded: a folder that others can write to is refused.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from dice_ros.errors import OutputError
from dice_ros.file_hash import file_sha256

ENVIRONMENT_VARIABLE = "DICE_ROS_ENGINES"
_MANIFEST = "engine.json"
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_LOOK_EVERY_S = 0.2
_ABANDONED_S = 24 * 3600.0
"""Age of a half-built engine whose builder was killed."""


@dataclass(frozen=True, slots=True)
class EngineKey:
    """Everything that decides whether a built engine can be used.

    Attributes:
        kind: engine kind.
        precision: of the core.
        batch: largest batch size.
        weights: sha256 of the weights.
        bodies: sha256 of the body models.
        graph: sha256 of the code that makes the graph.
        device: name of the GPU, or of the CPU's capabilities.
        capability: of the GPU, e.g. ``8.9``; empty for a CPU.
        versions: libraries, e.g. ``torch 2.13.0``.
        calibration: sha256 of the calibration pictures; empty where none are used.
    """

    kind: str
    precision: str
    batch: int
    weights: str
    bodies: str
    graph: str
    device: str
    capability: str
    versions: tuple[str, ...]
    calibration: str = ""

    @property
    def name(self) -> str:
        """Name of the engine's folder."""
        text = json.dumps(asdict(self), sort_keys=True)
        return f"{self.kind}-{self.precision}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


class EngineCache:
    """The folder of built engines.

    Args:
        folder: made with mode 0700 on first use.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def folder(self) -> Path:
        """Where engines are."""
        return self._folder

    def find(self, key: EngineKey) -> Path | None:
        """Folder of an intact engine; None if there is none. A damaged one is removed.

        Raises:
            OutputError: others can write to the cache.
        """
        folder = self._folder / key.name
        if not folder.is_dir():
            return None
        self._require_private()
        if _is_intact(folder, key):
            return folder
        shutil.rmtree(folder, ignore_errors=True)
        return None

    def add(
        self,
        key: EngineKey,
        build: Callable[[Path], object],
        stop: threading.Event | None = None,
    ) -> Path:
        """Build an engine into the cache, unless another process just did.

        Args:
            key: what it is.
            build: writes the engine's files into the folder it is given.
            stop: when set, another process is not waited for any longer.

        Returns:
            The engine's folder. If ``build`` raises, nothing is left behind.

        Raises:
            OutputError: the cache cannot be written, or others can write to it, or the wait was
                stopped.
        """
        self._open()
        with self._locked(key.name, stop):
            found = self.find(key)
            if found is not None:
                return found
            self._remove_abandoned()
            with self._scratch(key.name) as scratch:
                build(scratch)
                target = self._folder / key.name
                try:
                    _write_manifest(scratch, key)
                    scratch.rename(target)
                except OSError as error:
                    if self.find(key) is None:  # else built twice, where no lock works
                        raise self._unwritable(error) from error
            return target

    def _open(self) -> None:
        try:
            self._folder.parent.mkdir(parents=True, exist_ok=True)
            self._folder.mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            raise self._unwritable(error) from error
        self._require_private()

    def _require_private(self) -> None:
        status = self._folder.stat()
        if status.st_uid != os.geteuid() or status.st_mode & _OTHERS_WRITE:
            raise OutputError(
                f"the engine cache {self._folder} belongs to another user or can be written by "
                f"others, who could plant an engine there: `chmod 700` it or name another folder "
                f"with {ENVIRONMENT_VARIABLE}"
            )

    def _unwritable(self, error: OSError) -> OutputError:
        return OutputError(
            f"cannot write to the engine cache {self._folder}: {error}; make room, make it "
            f"writable or name another folder with {ENVIRONMENT_VARIABLE}"
        )

    @contextlib.contextmanager
    def _locked(self, name: str, stop: threading.Event | None) -> Iterator[None]:
        """Alone in building this engine, across processes and threads."""
        path = self._folder / f".{name}.lock"
        while True:
            try:
                file = path.open("w")
            except OSError as error:
                raise self._unwritable(error) from error
            _lock(file, stop)
            if _is_at(file.fileno(), path):
                break
            # Whoever held it before removed it: this is the lock of nothing.
            file.close()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
            file.close()

    @contextlib.contextmanager
    def _scratch(self, name: str) -> Iterator[Path]:
        try:
            scratch = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=self._folder))
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _remove_abandoned(self) -> None:
        """What killed builders left: gigabytes that nobody would miss."""
        for path in self._folder.glob(".*"):
            with contextlib.suppress(FileNotFoundError):  # another process does the same
                if path.is_dir() and time.time() - path.stat().st_mtime > _ABANDONED_S:
                    shutil.rmtree(path, ignore_errors=True)


def engine_folder() -> Path:
    """Where engines are kept: ``$DICE_ROS_ENGINES``, or a folder in the user's cache."""
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    if named:
        return Path(named).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    root = Path(base) if base else Path.home() / ".cache"
    return root / "dice_ros" / "engines"


def _lock(file: TextIO, stop: threading.Event | None) -> None:
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if stop is not None and stop.is_set():
                file.close()
                raise OutputError(
                    "another process builds the engine; nobody waits for it"
                ) from None
            time.sleep(_LOOK_EVERY_S)
        except OSError:
            return  # Some network drives know no locks: then both build, and one is thrown away.


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _write_manifest(folder: Path, key: EngineKey) -> None:
    files = {
        str(path.relative_to(folder)): {"bytes": path.stat().st_size, "sha256": file_sha256(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    text = json.dumps({"key": asdict(key), "files": files}, indent=1, sort_keys=True)
    (folder / _MANIFEST).write_text(text + "\n")


def _is_intact(folder: Path, key: EngineKey) -> bool:
    try:
        manifest = json.loads((folder / _MANIFEST).read_text())
        same = json.loads(json.dumps(asdict(key))) == manifest["key"]
        return bool(same and manifest["files"]) and all(
            (folder / name).stat().st_size == entry["bytes"]
            and file_sha256(folder / name) == entry["sha256"]
            for name, entry in manifest["files"].items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
