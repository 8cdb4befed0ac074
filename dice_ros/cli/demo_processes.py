"""The demonstration's processes: node, recorder and camera, each with a log file."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

from dice_ros.errors import DiceRosError

_STOP_TIMEOUT_S = 10.0
_TAIL_LINES = 15


class DemoError(DiceRosError):
    """A process of the demonstration failed."""


class DemoProcesses:
    """Starts processes that talk to each other and to nobody else, and ends them all.

    Args:
        logs: folder of the log files.
    """

    def __init__(self, logs: Path) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self._logs = logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._environment = dict(os.environ)
        # A random domain on this machine alone keeps other people's nodes out of the results.
        self._environment["ROS_DOMAIN_ID"] = str(random.SystemRandom().randint(101, 200))
        self._environment["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
        self._environment.setdefault("ROS_LOG_DIR", str(logs / "ros"))

    def start(self, name: str, module: str, *arguments: str) -> None:
        """Start ``python -m module arguments``."""
        with self.log(name).open("wb") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=self._environment,
            )

    def log(self, name: str) -> Path:
        """Path of a process's log."""
        return self._logs / f"{name}.log"

    def last_line(self, name: str) -> str:
        """The newest line a process wrote."""
        lines = self.log(name).read_text(errors="replace").splitlines()
        return lines[-1] if lines else ""

    def is_running(self, name: str) -> bool:
        """Whether a process has not ended."""
        return self._running[name].poll() is None

    def check(self, name: str) -> None:
        """Raise :class:`DemoError` with the end of the log if a process failed."""
        code = self._running[name].poll()
        if code:
            lines = self.log(name).read_text(errors="replace").splitlines()[-_TAIL_LINES:]
            tail = "\n  ".join(lines)
            raise DemoError(f"the {name} ended with code {code}; its last words:\n  {tail}")

    def wait(self, name: str, timeout_s: float) -> bool:
        """Wait for a process to end; False if it did not in time."""
        try:
            self._running[name].wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self, name: str) -> None:
        """Ask a process to end, and end it if it does not."""
        process = self._running[name]
        if process.poll() is not None:
            return
        process.send_signal(signal.SIGINT)
        if not self.wait(name, _STOP_TIMEOUT_S):
            process.kill()
            process.wait()

    def __enter__(self) -> DemoProcesses:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        started = time.monotonic()
        for process in self._running.values():
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        for process in self._running.values():
            left_s = max(0.1, _STOP_TIMEOUT_S - (time.monotonic() - started))
            try:
                process.wait(left_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
