"""Modules that exist for the length of a block, to pickle classes under their names."""

import sys
import types
from contextlib import contextmanager


@contextmanager
def temporary_modules(**by_name):
    """Modules in ``sys.modules`` (keys with ``__`` for dots) for the length of a block."""
    added = []
    for spelled, members in by_name.items():
        name = spelled.replace("__", ".")
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            parent = ".".join(parts[:end])
            if parent not in sys.modules:
                sys.modules[parent] = types.ModuleType(parent)
                added.append(parent)
        for member, value in members.items():
            setattr(sys.modules[name], member, value)
    try:
        yield
    finally:
        for name in added:
            del sys.modules[name]
