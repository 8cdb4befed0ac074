"""Warnings of a node that repeat with every image: each reason is said once in a while."""

from __future__ import annotations

from rclpy.impl.rcutils_logger import RcutilsLogger

from dice_ros.ros.rate_limit import RateLimit

_PERIOD_S = 5.0


class ThrottledLog:
    """Says each reason at most every five seconds; one reason does not silence another.

    rclpy's own throttle goes by line of code, which is the same for all of our reasons.

    Args:
        logger: the node's.
    """

    def __init__(self, logger: RcutilsLogger) -> None:
        self._logger = logger
        self._limits: dict[str, RateLimit] = {}

    def warning(self, reason: str, text: str) -> None:
        """Log a warning, unless this reason was given just now."""
        if self._may_say(reason):
            self._logger.warning(text)

    def info(self, reason: str, text: str) -> None:
        """Log what is no trouble, unless this reason was given just now."""
        if self._may_say(reason):
            self._logger.info(text)

    def error(self, reason: str, text: str) -> None:
        """Log an error, unless this reason was given just now."""
        if self._may_say(reason):
            self._logger.error(text)

    def _may_say(self, reason: str) -> bool:
        return self._limits.setdefault(reason, RateLimit()).allows(1.0 / _PERIOD_S)
