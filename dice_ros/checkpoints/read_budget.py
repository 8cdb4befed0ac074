"""A ceiling on what one file may unfold to, and on the work that reading it may take."""

from __future__ import annotations

from dice_ros.errors import CheckpointError

MAX_FILE_BYTES = 8 << 30
# The published checkpoint takes about 0.2 million.
MAX_OPCODES = 5_000_000
# Numbers can be chosen so that all of them fall into one slot of a hash table, which makes a
# dictionary of N take N * N steps. Texts cannot: Python hashes them with a secret.
_MAX_NUMBER_KEYS = 10_000
# FLAME's landmarks have two: a storage pickled outside of torch.save.
_MAX_HIDDEN_FILES = 1000


class ReadBudget:
    """Counts what one file, together with those hidden in it, makes its reader do.

    Args:
        limit_bytes: no file of this model needs more.
    """

    def __init__(self, limit_bytes: int = MAX_FILE_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._spent_bytes = 0
        self._opcodes = 0
        self._number_keys = 0
        self._hidden_files = 0

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

    def spend_opcodes(self, count: int) -> None:
        """Account for the opcodes of a pickle.

        Raises:
            CheckpointError: the pickles in the file have too many together.
        """
        self._opcodes += count
        if self._opcodes > MAX_OPCODES:
            raise CheckpointError(
                f"holds more than {MAX_OPCODES} pickle opcodes: no file of this model does, do not "
                "trust it"
            )

    def spend_number_key(self) -> None:
        """Account for a number used as the key of a dictionary or as the member of a set.

        Raises:
            CheckpointError: there are too many in the file.
        """
        self._number_keys += 1
        if self._number_keys > _MAX_NUMBER_KEYS:
            raise CheckpointError(f"has more than {_MAX_NUMBER_KEYS} numbers as dictionary keys")

    def spend_hidden_file(self) -> None:
        """Account for a file hidden in a string of this one.

        Raises:
            CheckpointError: there are too many.
        """
        self._hidden_files += 1
        if self._hidden_files > _MAX_HIDDEN_FILES:
            raise CheckpointError(f"hides more than {_MAX_HIDDEN_FILES} files in itself")
