"""A thread that looks at the node in regular intervals, whatever its executor is doing."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable


class Reporter:
    """Calls a function again and again until it is stopped.

    Args:
        report: what to call; its errors are logged and do not end the thread.
        period_s: says how long to wait between two calls.
    """

    def __init__(self, report: Callable[[], None], period_s: Callable[[], float]) -> None:
        self._report = report
        self._period_s = period_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dice_reporter", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End after the call in progress."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stopping.wait(self._period_s()):
            try:
                self._report()
            except Exception:  # reports go on for as long as the node lives
                if not self._stopping.is_set():
                    logging.getLogger(__name__).exception("the node's state cannot be reported")
