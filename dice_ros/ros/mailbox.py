"""A mailbox with one slot: the newest item replaces an unread one, and every loss is counted."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Mailbox(Generic[Item]):
    """Hands the newest item from one thread to another."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._item: Item | None = None
        self._closed = False
        self._overwritten = 0

    @property
    def overwritten(self) -> int:
        """Items that were replaced before anybody took them."""
        with self._condition:
            return self._overwritten

    @property
    def waiting(self) -> int:
        """Items in the slot: 0 or 1."""
        with self._condition:
            return int(self._item is not None)

    def put(self, item: Item) -> None:
        """Leave an item; an unread one is lost and counted."""
        with self._condition:
            if self._item is not None:
                self._overwritten += 1
            self._item = item
            self._condition.notify()

    def take(self, timeout_s: float | None = None) -> Item | None:
        """Wait for an item; None after the timeout or when the mailbox is closed."""
        with self._condition:
            self._condition.wait_for(lambda: self._closed or self._item is not None, timeout_s)
            if self._closed:
                return None
            item, self._item = self._item, None
            return item

    @property
    def is_closed(self) -> bool:
        """Whether :meth:`close` was called."""
        with self._condition:
            return self._closed

    def close(self) -> None:
        """Wake whoever waits; nothing can be taken afterwards."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
