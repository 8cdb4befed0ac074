"""A mailbox with one slot: the newest item replaces an unread one, and every loss is counted."""

from __future__ import annotations

import enum
import threading
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Put(enum.Enum):
    """What became of an item that was put into the mailbox."""

    STORED = "stored"
    REPLACED_ANOTHER = "replaced_another"
    REFUSED = "refused"


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

    def put(self, item: Item) -> Put:
        """Leave an item; an unread one is lost and counted, a closed mailbox takes none."""
        with self._condition:
            if self._closed:
                return Put.REFUSED
            replaces = self._item is not None
            self._overwritten += replaces
            self._item = item
            self._condition.notify()
            return Put.REPLACED_ANOTHER if replaces else Put.STORED

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

    def close(self) -> int:
        """Wake whoever waits; nothing goes in or out afterwards.

        Returns:
            How many items were left in the slot: 0 or 1. They are gone.
        """
        with self._condition:
            self._closed = True
            left = int(self._item is not None)
            self._item = None
            self._condition.notify_all()
            return left
