"""The truth about a clip in one compressed NumPy file.

Arrays over T frames, lengths in metres, camera frame; NaN or False where nothing is known:

- ``stamp_ns`` (T,) int64, ``category`` and ``label`` (T,) text;
- ``head_rotation`` (T, 3, 3), ``head_translation`` (T, 3) float64, ``betas``, ``expression``;
- ``face_vertices``, ``face_deformation`` (T, V, 3) float32, ``face_contact`` (T, V) bool: the
  deformed face, deformed minus undeformed position, vertices in contact;
- for ``left`` and ``right``: ``left_vertices`` (T, Vh, 3), ``left_joints`` (T, 21, 3) float32,
  ``left_contact`` (T, Vh) bool, ``left_gap`` (T,) float32 (0 when touching).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from dice_ros.errors import OutputError
from dice_ros.synthesis.studio import FrameTruth, HandTruth
from dice_ros.types import HandSide

_Owner = TypeVar("_Owner")


def save_truth(path: Path, stamps_ns: Sequence[int], truths: Sequence[FrameTruth]) -> None:
    """Write the truth about a clip.

    Args:
        path: ends in ``.npz``.
        stamps_ns: one per frame.
        truths: one per frame, of the same length.

    Raises:
        OutputError: the file cannot be written.
        ValueError: the lengths differ.
    """
    if len(stamps_ns) != len(truths):
        raise ValueError(f"{len(stamps_ns)} stamps for {len(truths)} frames")
    measured = [truth if truth.head is not None else None for truth in truths]
    heads = [truth.head for truth in truths]
    arrays: dict[str, Any] = {
        "stamp_ns": np.asarray(stamps_ns, dtype=np.int64),
        "category": np.array([truth.category.value for truth in truths]),
        "label": np.array([truth.label for truth in truths]),
        "head_rotation": _stacked(heads, lambda head: head.rotation),
        "head_translation": _stacked(heads, lambda head: head.translation),
        "betas": _stacked(heads, lambda head: head.betas),
        "expression": _stacked(heads, lambda head: head.expression),
        "face_vertices": _stacked(measured, lambda truth: truth.vertices),
        "face_deformation": _stacked(measured, lambda truth: truth.deformation),
        "face_contact": _stacked(measured, lambda truth: truth.contact),
    }
    for side in HandSide:
        hands = [_hand(truth, side) for truth in truths]
        arrays[f"{side.value}_vertices"] = _stacked(hands, lambda hand: hand.vertices)
        arrays[f"{side.value}_joints"] = _stacked(hands, lambda hand: hand.joints)
        arrays[f"{side.value}_contact"] = _stacked(hands, lambda hand: hand.contact)
        gaps = [np.nan if hand is None else hand.gap for hand in hands]
        arrays[f"{side.value}_gap"] = np.array(gaps, dtype=np.float32)
    try:
        np.savez_compressed(path, **arrays)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def _hand(truth: FrameTruth, side: HandSide) -> HandTruth | None:
    return next((hand for hand in truth.hands if hand.state.side is side), None)


def _stacked(
    owners: Sequence[_Owner | None], read: Callable[[_Owner], NDArray[Any]]
) -> NDArray[Any]:
    """(T, ...) with NaN or False where a frame has no owner; (T, 0) if none has one."""
    values = [None if owner is None else read(owner) for owner in owners]
    known = next((value for value in values if value is not None), None)
    if known is None:
        return np.zeros((len(values), 0), dtype=np.float32)
    missing = False if known.dtype == np.bool_ else np.nan
    result = np.full((len(values), *known.shape), missing, dtype=known.dtype)
    for row, value in enumerate(values):
        if value is not None:
            result[row] = value
    return result
