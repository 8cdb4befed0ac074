"""The body models as DICE uses them, in one file without pickle.

Made once from the licensed files by ``dice-ros convert bodies``; read at every start.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dice_ros.body.flame_arrays import (
    FACE_LANDMARKS,
    FLAME_EXPRESSIONS,
    FLAME_JOINTS,
    FLAME_SHAPES,
    FLAME_TRIANGLES,
    FLAME_VERTICES,
    FlameArrays,
)
from dice_ros.body.mano_arrays import MANO_VERTICES, ManoArrays, mano_specs
from dice_ros.body.model_file import ArraySpec, read_model_file, write_model_file
from dice_ros.errors import AssetError

FILE_NAME = "dice_bodies.npz"
_REMEDY = "run `dice-ros convert bodies`"
_FLAME, _MANO, _TEMPLATE = "flame.", "mano.", "template."


@dataclass(frozen=True, slots=True, eq=False)
class TemplatePoints:
    """Points of the resting bodies that mark the network's tokens, metres, not centred.

    Attributes:
        hand_joints: (21, 3) float32.
        face_landmarks: (68, 3) float32.
        hand_vertices: (195, 3) float32.
        head_vertices: (559, 3) float32.
    """

    hand_joints: NDArray[np.float32]
    face_landmarks: NDArray[np.float32]
    hand_vertices: NDArray[np.float32]
    head_vertices: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class DiceBodies:
    """Everything DICE needs besides its weights.

    Attributes:
        flame, mano: body models.
        template: the network's constant input.
        synthetic: made from stand-ins: the shapes are not FLAME's and MANO's.
    """

    flame: FlameArrays
    mano: ManoArrays
    template: TemplatePoints
    synthetic: bool


def save_bodies(path: Path, bodies: DiceBodies) -> None:
    """Write the file; the same bodies always give the same bytes."""
    arrays: dict[str, NDArray[np.generic]] = {"synthetic": np.array(bodies.synthetic)}
    for prefix, part in (
        (_FLAME, bodies.flame),
        (_MANO, bodies.mano),
        (_TEMPLATE, bodies.template),
    ):
        arrays |= {prefix + item.name: getattr(part, item.name) for item in fields(part)}
    write_model_file(path, arrays)


def is_bodies_file(path: Path) -> bool:
    """Whether a file is one of :func:`save_bodies`, maybe of another version."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {"synthetic.npy", "flame.template.npy"} <= set(archive.namelist())
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
        return False


def load_bodies(path: Path) -> DiceBodies:
    """Read and check the file.

    Raises:
        AssetError: it is missing, damaged, or an array has another shape, holds NaN, or names a
            vertex or triangle that does not exist.
    """
    arrays = read_model_file(path, _specs(), remedy=_REMEDY)
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise AssetError(f"array {name!r} in {path} holds NaN or infinity: {_REMEDY}")
    _check_range(path, arrays, "flame.triangles", FLAME_VERTICES)
    _check_range(path, arrays, "flame.landmark_triangles", FLAME_TRIANGLES)
    _check_range(path, arrays, "flame.neck", FLAME_VERTICES)
    _check_range(path, arrays, "mano.triangles", MANO_VERTICES)
    return DiceBodies(
        FlameArrays(**_part(arrays, _FLAME)),
        ManoArrays(**_part(arrays, _MANO)),
        TemplatePoints(**_part(arrays, _TEMPLATE)),
        bool(arrays["synthetic"]),
    )


def _check_range(path: Path, arrays: dict[str, NDArray[np.generic]], name: str, count: int) -> None:
    indices = arrays[name].astype(np.int64)
    if indices.size and not (indices.min() >= 0 and indices.max() < count):
        raise AssetError(
            f"array {name!r} in {path} names {indices.min()}..{indices.max()}, expected "
            f"0..{count - 1}: {_REMEDY}"
        )


def _part(arrays: dict[str, NDArray[np.generic]], prefix: str) -> dict[str, Any]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def _specs() -> dict[str, ArraySpec]:
    specs = {"synthetic": ArraySpec((), "bool")} | mano_specs(_MANO)
    specs |= {
        "flame.template": ArraySpec((FLAME_VERTICES, 3), "float32"),
        "flame.shape_directions": ArraySpec(
            (FLAME_VERTICES, 3, FLAME_SHAPES + FLAME_EXPRESSIONS), "float32"
        ),
        "flame.pose_directions": ArraySpec((FLAME_VERTICES, 3, 9 * (FLAME_JOINTS - 1)), "float32"),
        "flame.joint_regressor": ArraySpec((FLAME_JOINTS, FLAME_VERTICES), "float32"),
        "flame.weights": ArraySpec((FLAME_VERTICES, FLAME_JOINTS), "float32"),
        "flame.parents": ArraySpec((FLAME_JOINTS,), "int32"),
        "flame.triangles": ArraySpec((FLAME_TRIANGLES, 3), "int32"),
        "flame.landmark_triangles": ArraySpec((FACE_LANDMARKS,), "int32"),
        "flame.landmark_weights": ArraySpec((FACE_LANDMARKS, 3), "float32"),
        "flame.neck": ArraySpec((-1,), "int32"),
        "template.hand_joints": ArraySpec((21, 3), "float32"),
        "template.face_landmarks": ArraySpec((FACE_LANDMARKS, 3), "float32"),
        "template.hand_vertices": ArraySpec((195, 3), "float32"),
        "template.head_vertices": ArraySpec((559, 3), "float32"),
    }
    return specs
