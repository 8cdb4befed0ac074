"""The licensed body models: FLAME for the head, MANO for the hand, FLAME's landmarks.

Read without chumpy, SciPy or torch; entries that are not needed stay unread.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dice_ros.checkpoints.checked_arrays import floats, indices, parents
from dice_ros.checkpoints.checkpoint_file import CheckpointFile, blaming
from dice_ros.checkpoints.pickled_arrays import read_npy_file
from dice_ros.checkpoints.synthetic_mark import NOTE_NAME, SYNTHETIC_MARK
from dice_ros.checkpoints.torch_archive import read_torch_file

FLAME_VERTICES = 5023
FLAME_FACES = 9976
MANO_VERTICES = 778


@dataclass(frozen=True, slots=True)
class FlameArrays:
    """FLAME's ``generic_model.pkl``. Metres.

    Args:
        v_template: (5023, 3) float32.
        shapedirs: (5023, 3, 400) float32; 300 shape columns, then 100 of expression.
        posedirs: (5023, 3, 36) float32.
        J_regressor: (5, 5023) float32.
        weights: (5023, 5) float32.
        faces: (9976, 3) int64.
        parents: (5,) int64, -1 for the root.
    """

    v_template: NDArray[np.float32]
    shapedirs: NDArray[np.float32]
    posedirs: NDArray[np.float32]
    J_regressor: NDArray[np.float32]
    weights: NDArray[np.float32]
    faces: NDArray[np.int64]
    parents: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ManoArrays:
    """``MANO_RIGHT.pkl`` or ``MANO_LEFT.pkl``. Metres.

    Args:
        v_template: (778, 3) float32.
        shapedirs: (778, 3, 10) float32.
        posedirs: (778, 3, 135) float32.
        J_regressor: (16, 778) float32.
        weights: (778, 16) float32.
        faces: (1538, 3) int64.
        parents: (16,) int64, -1 for the root.
        hands_components: (45, 45) float32, one component a row.
        hands_mean: (45,) float32, radians.
    """

    v_template: NDArray[np.float32]
    shapedirs: NDArray[np.float32]
    posedirs: NDArray[np.float32]
    J_regressor: NDArray[np.float32]
    weights: NDArray[np.float32]
    faces: NDArray[np.int64]
    parents: NDArray[np.int64]
    hands_components: NDArray[np.float32]
    hands_mean: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class LandmarkArrays:
    """FLAME's ``landmark_embedding.npy``: faces of the mesh and places in them.

    Args:
        static_faces: (51,) int64.
        static_barycentric: (51, 3) float32.
        dynamic_faces: (79, 17) int64.
        dynamic_barycentric: (79, 17, 3) float32.
        full_faces: (68,) int64.
        full_barycentric: (68, 3) float32.
    """

    static_faces: NDArray[np.int64]
    static_barycentric: NDArray[np.float32]
    dynamic_faces: NDArray[np.int64]
    dynamic_barycentric: NDArray[np.float32]
    full_faces: NDArray[np.int64]
    full_barycentric: NDArray[np.float32]


def read_flame(path: Path) -> FlameArrays:
    """Read FLAME's ``generic_model.pkl``.

    Raises:
        CheckpointError: the file is missing, damaged, unsafe, or an array is not as it should be.
    """
    entries = _Entries(read_torch_file(path))
    return FlameArrays(
        v_template=entries.floats("v_template", (FLAME_VERTICES, 3)),
        shapedirs=entries.floats("shapedirs", (FLAME_VERTICES, 3, 400)),
        posedirs=entries.floats("posedirs", (FLAME_VERTICES, 3, 36)),
        J_regressor=entries.floats("J_regressor", (5, FLAME_VERTICES)),
        weights=entries.floats("weights", (FLAME_VERTICES, 5)),
        faces=entries.indices("f", (FLAME_FACES, 3), FLAME_VERTICES),
        parents=entries.parents("kintree_table", 5),
    )


def read_mano(path: Path) -> ManoArrays:
    """Read ``MANO_RIGHT.pkl`` or ``MANO_LEFT.pkl``.

    Raises:
        CheckpointError: the file is missing, damaged, unsafe, or an array is not as it should be.
    """
    entries = _Entries(read_torch_file(path))
    return ManoArrays(
        v_template=entries.floats("v_template", (MANO_VERTICES, 3)),
        shapedirs=entries.floats("shapedirs", (MANO_VERTICES, 3, 10)),
        posedirs=entries.floats("posedirs", (MANO_VERTICES, 3, 135)),
        J_regressor=entries.floats("J_regressor", (16, MANO_VERTICES)),
        weights=entries.floats("weights", (MANO_VERTICES, 16)),
        faces=entries.indices("f", (1538, 3), MANO_VERTICES),
        parents=entries.parents("kintree_table", 16),
        hands_components=entries.floats("hands_components", (45, 45)),
        hands_mean=entries.floats("hands_mean", (45,)),
    )


def read_landmarks(path: Path) -> LandmarkArrays:
    """Read FLAME's ``landmark_embedding.npy``.

    Raises:
        CheckpointError: the file is missing, damaged, unsafe, or an array is not as it should be.
    """
    entries = _Entries(read_npy_file(path))
    return LandmarkArrays(
        static_faces=entries.indices("static_lmk_faces_idx", (51,), FLAME_FACES),
        static_barycentric=entries.floats("static_lmk_bary_coords", (51, 3)),
        dynamic_faces=entries.indices("dynamic_lmk_faces_idx", (79, 17), FLAME_FACES),
        dynamic_barycentric=entries.floats("dynamic_lmk_bary_coords", (79, 17, 3)),
        full_faces=entries.indices("full_lmk_faces_idx", (1, 68), FLAME_FACES)[0],
        full_barycentric=entries.floats("full_lmk_bary_coords", (1, 68, 3))[0],
    )


def is_synthetic(path: Path) -> bool:
    """Whether a file is marked as a stand-in that this project made.

    A dictionary carries the mark in itself. Plain arrays cannot: for them the note beside the
    stand-ins counts.

    Raises:
        CheckpointError: the file is missing, damaged or unsafe.
    """
    file = read_npy_file(path) if path.suffix == ".npy" else read_torch_file(path)
    if file.is_dictionary():
        return file.has(SYNTHETIC_MARK)
    return (path.parent / NOTE_NAME).is_file()


class _Entries:
    def __init__(self, file: CheckpointFile) -> None:
        self._file = file

    def floats(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        value = self._file.entry(name)
        with blaming(self._file.path):
            return floats(value, name, shape)

    def indices(self, name: str, shape: tuple[int, ...], limit: int) -> NDArray[np.int64]:
        value = self._file.entry(name)
        with blaming(self._file.path):
            return indices(value, name, shape, limit)

    def parents(self, name: str, joints: int) -> NDArray[np.int64]:
        value = self._file.entry(name)
        with blaming(self._file.path):
            return parents(value, name, joints)
