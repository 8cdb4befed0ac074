"""Images that were sent and never came, from the numbers publishers give their messages.

The middleware's own event for lost messages says nothing of images that it replaces in its queue
before anybody takes them; the gaps between numbers show both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class TransportLosses:
    """Counts gaps, publisher by publisher."""

    def __init__(self) -> None:
        self._last: dict[object, int] = {}

    def seen(self, info: Mapping[str, Any]) -> int:
        """How many messages are missing before this one.

        Args:
            info: what rclpy says about a message. Middlewares that do not number messages, and
                versions that do not name the publisher, count no losses.
        """
        number = info.get("publication_sequence_number")
        gid = info.get("publisher_gid")
        if not number or gid is None:
            return 0
        publisher = gid["data"] if isinstance(gid, Mapping) else bytes(gid)
        last = self._last.get(publisher)
        if last is not None and number <= last:
            return 0
        if last is None and len(self._last) > 100:
            # Publishers come and go for weeks: forget those that went.
            self._last.clear()
        self._last[publisher] = number
        return 0 if last is None else number - last - 1
