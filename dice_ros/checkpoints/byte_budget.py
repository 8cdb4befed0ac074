"""A ceiling on what one file may unfold to."""

from __future__ import annotations

from dice_ros.errors import CheckpointError

MAX_FILE_BYTES = 8 << 30


class ByteBudget:
    """Counts the bytes of all arrays of one file.

    Args:
        limit_bytes: no file of this model needs more.
    """

    def __init__(self, limit_bytes: int = MAX_FILE_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._spent_bytes = 0

    def spend(self, count: int, what: str) -> None:
        """Account for an array before it is made.

        Raises:
            CheckpointError: the arrays together are larger than the limit.
        """
        self._spent_bytes += count
        if self._spent_bytes > self._limit_bytes:
            raise CheckpointError(
                f"{what} brings the arrays to {self._spent_bytes} bytes, expected at most "
                f"{self._limit_bytes} in one file"
            )
