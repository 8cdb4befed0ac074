"""Building an engine in a process of its own, so that images are answered undisturbed meanwhile.

Exporting a network changes, for a while, how every module of the process is called: a batch that
another thread computes just then would become part of the export, and fail. A process apart also
gives its gigabytes back when it ends, and runs at a lower priority.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from dice_ros.engine.protocol import EngineError, EngineNotKeptError

WORKER = "dice_ros.engine.build_worker"
_LOOK_EVERY_S = 0.2
_SAID = 2000
"""Characters of what a worker said that are worth repeating."""


@dataclass(frozen=True, slots=True)
class BuildOrder:
    """What is to be built, in values that can be sent to another process.

    Attributes:
        kind: value of an :class:`dice_ros.engine.protocol.EngineKind`.
        precision: value of a :class:`dice_ros.engine.protocol.Precision`.
        device: e.g. ``cpu`` or ``cuda:0``.
        weights_path, bodies_path: what to build from.
        parametric, neck_deforms: as in ``DiceModel``.
    """

    kind: str
    precision: str
    device: str
    weights_path: str
    bodies_path: str
    parametric: bool
    neck_deforms: bool

    def to_json(self) -> str:
        """For a command line."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> BuildOrder:
        """What :meth:`to_json` wrote."""
        return BuildOrder(**json.loads(text))


@dataclass(frozen=True, slots=True)
class BuildFailure:
    """Why a worker gave up, as it says so on its standard output.

    Attributes:
        kept: False if the engine was built but cannot be written.
        message: for people.
    """

    message: str
    kept: bool = True


def build_apart(order: BuildOrder, folder: Path, stop: threading.Event | None = None) -> None:
    """Build into a folder and wait for it.

    The process ends when this one does, however that ends.

    Args:
        order: what to build.
        folder: gets the engine's files.
        stop: when set, the process is ended and the engine given up.

    Raises:
        EngineNotKeptError: it was built, but cannot be written.
        EngineError: it cannot be built; the message says why.
    """
    command = [sys.executable, "-m", WORKER, order.to_json(), str(folder)]
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(
            command,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C is this process's to deal with
        )
    except OSError as error:
        raise EngineError(f"the process that builds engines cannot be started: {error}") from error
    with process, ThreadPoolExecutor(2) as readers:
        assert process.stdout is not None and process.stderr is not None
        said = readers.submit(process.stdout.read)
        complained = readers.submit(process.stderr.read)
        try:
            _wait(process, stop)
        finally:
            _kill_all(process)
    if process.returncode == 0:
        return
    if stop is not None and stop.is_set():
        raise EngineError("the build was stopped")
    failure = _failure(said.result()) or BuildFailure(
        f"the process that builds it ended with code {process.returncode}: "
        f"{complained.result()[-_SAID:]}"
    )
    raise (EngineError if failure.kept else EngineNotKeptError)(failure.message)


def _wait(process: subprocess.Popen[str], stop: threading.Event | None) -> None:
    while process.poll() is None and not (stop is not None and stop.is_set()):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_LOOK_EVERY_S)


def _kill_all(process: subprocess.Popen[str]) -> None:
    """The worker and the compilers that it started, which would hold its pipes open."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _failure(said: str) -> BuildFailure | None:
    """The last line that is one: libraries may say something after it."""
    for line in reversed(said.splitlines()):
        with contextlib.suppress(ValueError, TypeError):
            return BuildFailure(**json.loads(line))
    return None
