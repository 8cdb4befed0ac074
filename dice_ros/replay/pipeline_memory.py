"""What a pipeline knows from the frames before, as bytes that can be kept in a file.

The values are pickled; reading admits nothing but the plain value classes of perception, the
estimators and touches, and arrays, so that a file from elsewhere cannot run code.
"""

from __future__ import annotations

import enum
import io
import pickle
from typing import Any

from dice_ros.errors import InputError

_ROOMS = (
    *("dice_ros.perception.", "dice_ros.estimators.", "dice_ros.events."),
    *("dice_ros.types", "dice_ros.pipeline"),
)
_NUMPY = {
    "numpy": {"dtype", "ndarray"},
    "numpy._core.multiarray": {"_reconstruct", "scalar"},
    "numpy.core.multiarray": {"_reconstruct", "scalar"},
    "numpy._core.numeric": {"_frombuffer"},
    "numpy.core.numeric": {"_frombuffer"},
}


def packed(memory: object) -> bytes:
    """A memory as bytes."""
    stream = io.BytesIO()
    _Writer(stream, protocol=4).dump(memory)
    return stream.getvalue()


def unpacked(data: bytes) -> Any:
    """The memory that :func:`packed` got.

    Raises:
        InputError: the bytes are damaged, or hold anything else.
    """
    try:
        return _Reader(io.BytesIO(data)).load()
    except Exception as error:  # Damaged pickles raise anything.
        raise InputError(f"the memory of a replay cannot be read: {error}") from error


class _Writer(pickle.Pickler):
    def reducer_override(self, obj: object) -> Any:
        # Python 3.11.0 to 3.11.3 would name ``getattr`` for the members of an enum.
        if isinstance(obj, enum.Enum):
            return type(obj), (obj.value,)
        return NotImplemented


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if name in _NUMPY.get(module, ()):
            return super().find_class(module, name)
        if module.startswith(_ROOMS) and "." not in name:
            found = super().find_class(module, name)
            if isinstance(found, type) and found.__module__ == module:
                return found
        raise pickle.UnpicklingError(f"{module}.{name} has no business in a memory")
