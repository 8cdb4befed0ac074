"""Errors a user can act on.

Every message says what was received, what was expected and what to do. The command line prints
them without a traceback; the node counts and reports them.
"""

from __future__ import annotations


class DiceRosError(Exception):
    """Base of all errors raised on purpose by this package."""


class InputError(DiceRosError):
    """An input (file, bag, image, camera) cannot be read or makes no sense."""


class DroppedFrameError(DiceRosError):
    """One frame has no result; the next one may. ``reason`` is a stable counter name.

    Args:
        reason: short snake_case name under which drops are counted, e.g. ``unknown_encoding``.
        message: the full sentence for people.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class ImageError(DroppedFrameError, InputError):
    """One image is unusable: encoding, size, step or content."""


class EstimationError(DroppedFrameError):
    """An estimator's result is unusable, e.g. not finite."""


class CameraError(InputError):
    """Camera calibration is unusable (NaN, non-positive focal length, wrong size).

    Args:
        reason: short snake_case name under which drops are counted, e.g. ``nan_intrinsics``.
        message: the full sentence for people.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class AssetError(DiceRosError):
    """A network or geometry file is missing, corrupt or cannot be fetched."""


class CheckpointError(AssetError):
    """A file of trained weights or licensed arrays is damaged, unsafe or not what it should be."""


class SettingsError(DiceRosError):
    """A setting is unknown, of the wrong type, or outside its range."""


class OutputError(DiceRosError):
    """A result cannot be written (permissions, full disk, exists already)."""
