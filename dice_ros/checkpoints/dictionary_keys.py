"""What may be the key of a dictionary or the member of a set in a file.

Hashing a tuple hashes all it holds: sixty tuples of two, each holding the one before twice, fit
into 130 bytes and take longer than a lifetime. So only keys without parts are taken.
"""

from __future__ import annotations

from dice_ros.checkpoints.inert import Inert, is_inert_class, origin_of
from dice_ros.checkpoints.read_budget import ReadBudget
from dice_ros.errors import CheckpointError

_PLAIN = (str, bytes, bool, type(None))
_NUMBERS = (int, float)


def checked_key(key: object, budget: ReadBudget) -> object:
    """The key itself, if it is a text, bytes, a number, None, or an object of the file.

    Raises:
        CheckpointError: it is anything else, or there are too many numbers.
    """
    # Not isinstance: classes derived from these bring a hash of their own.
    if type(key) in _PLAIN or isinstance(key, Inert) or is_inert_class(key):
        return key
    if type(key) not in _NUMBERS:
        raise CheckpointError(f"a dictionary or set has a key of type {origin_of(key)}")
    budget.spend_number_key()
    return key
