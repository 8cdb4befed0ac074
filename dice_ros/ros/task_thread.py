"""One thread for many tasks in turn.

A thread that runs networks and pictures leaves about a kilobyte behind in their libraries when it
ends. A node that is activated for weeks on end does better with one that lasts.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable


class TaskThread:
    """Runs one function after the other; ends with the program or when it is told to.

    Args:
        name: of the thread, for people.
    """

    def __init__(self, name: str) -> None:
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def ident(self) -> int | None:
        """Identifier of the thread."""
        return self._thread.ident

    def run(self, task: Callable[[], None]) -> None:
        """Run a function after those before; it handles its errors itself."""
        self._tasks.put(task)

    def end(self) -> None:
        """End after the functions given so far."""
        self._tasks.put(None)

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()
