"""The labels of one subject of Decaf, read when they are asked for. n frames, N of them asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dice_ros.body.flame_arrays import FLAME_VERTICES
from dice_ros.body.mano_arrays import MANO_VERTICES
from dice_ros.body.posing_parameters import BodyParameters
from dice_ros.datasets.data_file import read_array, read_dictionary
from dice_ros.datasets.decaf_layout import DecafLayout
from dice_ros.errors import InputError
from dice_ros.types import BoolArray, Float64Array

_HEAD = {
    "head_betas": ("shape_params", 100),
    "head_expression": ("expression_params", 50),
    "head_pose": ("pose_params", 6),
    "head_rotation": ("global_orient", 3),
    "head_transl": ("transl", 3),
}
_HAND = {
    "hand_betas": ("betas", 10),
    "hand_rotation": ("global_orient", 3),
    "hand_pose": ("hand_pose", 45),
    "hand_transl": ("transl", 3),
}


@dataclass(frozen=True, slots=True, eq=False)
class DecafLabels:
    """Labels of N frames, world frame.

    Attributes:
        parameters: of head and hand.
        deformation: (N, 5023, 3) float64, metres: deformed minus undeformed (the file holds its
            negative in the canonical frame); zero on the neck.
        head_contact: (N, 5023) bool, False on the neck.
        hand_contact: (N, 778) bool.
    """

    parameters: BodyParameters
    deformation: Float64Array
    head_contact: BoolArray
    hand_contact: BoolArray


class DecafSubject:
    """Opens the labels of a subject and checks that all files speak of the same frames.

    Args:
        layout: of the data set.
        subject: e.g. ``S1``.

    Raises:
        InputError: a file is missing, damaged, of another shape or of another length.
    """

    def __init__(self, layout: DecafLayout, subject: str) -> None:
        self.subject = subject
        deforms = layout.deformations(subject)
        self._deformations = read_array(
            deforms, (-1, FLAME_VERTICES, 3), "deformations in the canonical head frame"
        )
        self.frame_count = len(self._deformations)
        n = self.frame_count
        checked = f"as {deforms} has"
        self._head_contacts = read_array(
            layout.head_contacts(subject), (n, FLAME_VERTICES), f"0/1 contacts, {checked}"
        )
        self._hand_contacts = read_array(
            layout.hand_contacts(subject), (n, MANO_VERTICES), f"0/1 contacts, {checked}"
        )
        self._head_transforms = read_array(
            layout.head_transforms(subject), (n, 4, 4), f"head poses, {checked}"
        )
        self._parameters = _read_parameters(layout.parameters(subject), n)
        self._contact_neck = _indices(layout.contact_neck)
        self._deformation_neck = _indices(layout.deformation_neck)

    def labels(self, frames: Sequence[int]) -> DecafLabels:
        """Labels of some frames."""
        rows = np.asarray(frames, dtype=np.int64)
        turn = np.asarray(self._head_transforms[rows, :3, :3], dtype=np.float64)
        deformation = np.array(self._deformations[rows], dtype=np.float64)
        deformation[:, self._deformation_neck] = 0.0
        head_contact = np.asarray(self._head_contacts[rows] > 0)
        head_contact[:, self._contact_neck] = False
        return DecafLabels(
            parameters=BodyParameters(
                **{name: values[rows] for name, values in self._parameters.items()}
            ),
            deformation=-deformation @ turn.transpose(0, 2, 1),
            head_contact=head_contact,
            hand_contact=np.asarray(self._hand_contacts[rows] > 0),
        )


def _read_parameters(path: Path, count: int) -> dict[str, NDArray[np.float32]]:
    by_frame = read_dictionary(path, "parameters of head and right hand by frame")
    if len(by_frame) != count:
        raise InputError(
            f"{path} holds {len(by_frame)} frames: expected {count}, as the deformations have"
        )
    frames = [by_frame[key] for key in sorted(by_frame, key=lambda key: (len(str(key)), str(key)))]
    result = {}
    for part, names in (("head", _HEAD), ("right_hand", _HAND)):
        for name, (stored, size) in names.items():
            result[name] = np.stack([_vector(path, frame, part, stored, size) for frame in frames])
    return result


def _vector(path: Path, frame: Any, part: str, name: str, size: int) -> NDArray[np.float32]:
    try:
        values = np.asarray(frame[part][name], dtype=np.float32).ravel()
    except (KeyError, TypeError, ValueError, IndexError):
        raise InputError(
            f"{path}: a frame has no numbers under [{part!r}][{name!r}]: expected {size}"
        ) from None
    if values.size != size or not np.isfinite(values).all():
        raise InputError(
            f"{path}: [{part!r}][{name!r}] has {values.size} numbers: expected {size} finite ones"
        )
    return values


def _indices(path: Path) -> NDArray[np.int64]:
    found = read_array(path, (-1,), "vertices of the neck").astype(np.int64)
    if found.size and not (found.min() >= 0 and found.max() < FLAME_VERTICES):
        raise InputError(
            f"{path} names vertices {found.min()}..{found.max()}: expected 0..{FLAME_VERTICES - 1}"
        )
    return found
