"""Built engines on disk: found again by what they were built from, never trusted blindly.

One folder an engine, named by a hash of everything that decides what it computes and where it
runs. Folders appear whole (built aside, then renamed). ``engine.json`` lists every file with its
size and sha256; an engine whose list does not match is removed and built again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from dice_ros.errors import OutputError
from dice_ros.file_hash import file_sha256

ENVIRONMENT_VARIABLE = "DICE_ROS_ENGINES"
_MANIFEST = "engine.json"


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
        """Folder of an intact engine; None if there is none. A damaged one is removed."""
        folder = self._folder / key.name
        if not folder.is_dir():
            return None
        if _is_intact(folder, key):
            return folder
        shutil.rmtree(folder, ignore_errors=True)
        return None

    def add(self, key: EngineKey, build: Callable[[Path], object]) -> Path:
        """Build an engine into the cache.

        Args:
            key: what it is.
            build: writes the engine's files into the folder it is given.

        Returns:
            The engine's folder. If ``build`` raises, nothing is left behind.

        Raises:
            OutputError: the cache cannot be written.
        """
        with self._scratch(key.name) as scratch:
            build(scratch)
            _write_manifest(scratch, key)
            target = self._folder / key.name
            try:
                if target.exists():
                    shutil.rmtree(target)
                scratch.rename(target)
            except OSError as error:
                raise OutputError(f"cannot keep the engine in {self._folder}: {error}") from error
        return target

    @contextlib.contextmanager
    def _scratch(self, name: str) -> Iterator[Path]:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._folder.chmod(0o700)
            scratch = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=self._folder))
        except OSError as error:
            raise OutputError(
                f"cannot write to the engine cache {self._folder}: {error}; make it writable or "
                f"name another folder with {ENVIRONMENT_VARIABLE}"
            ) from error
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def engine_folder() -> Path:
    """Where engines are kept: ``$DICE_ROS_ENGINES``, or a folder in the user's cache."""
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    if named:
        return Path(named).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    root = Path(base) if base else Path.home() / ".cache"
    return root / "dice_ros" / "engines"


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
        return same and all(
            (folder / name).stat().st_size == entry["bytes"]
            and file_sha256(folder / name) == entry["sha256"]
            for name, entry in manifest["files"].items()
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False
