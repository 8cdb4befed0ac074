"""Calibrations of Decaf's cameras."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dice_ros.camera import Camera
from dice_ros.datasets.data_file import read_dictionary
from dice_ros.datasets.decaf_layout import HEIGHT, WIDTH
from dice_ros.errors import InputError
from dice_ros.types import Float64Array

_CONTENT = "calibrations by camera ('108': {'intrinsic': 3x3, 'extrinsic': 4x4})"


@dataclass(frozen=True, slots=True, eq=False)
class DecafCamera:
    """One camera. Lens distortion is left out, as the published code does.

    Attributes:
        camera: intrinsics at 1920x1080.
        world_to_camera: (4, 4) float64, metres.
    """

    camera: Camera
    world_to_camera: Float64Array

    @property
    def rotation(self) -> Float64Array:
        """(3, 3) axes of the world -> axes of the camera."""
        return np.asarray(self.world_to_camera[:3, :3])


def read_camera(path: Path, name: str) -> DecafCamera:
    """Read one calibration of a subject's file.

    Raises:
        InputError: the file or the camera is missing, or its matrices are not what they should be.
    """
    cameras = read_dictionary(path, _CONTENT)
    if name not in cameras:
        known = ", ".join(sorted(str(key) for key in cameras))
        raise InputError(f"{path} has no camera {name!r}, only: {known}; expected {_CONTENT}")
    entry = cameras[name]
    matrices = []
    for key, size in (("intrinsic", 3), ("extrinsic", 4)):
        try:
            matrix = np.asarray(entry[key], dtype=np.float64)
        except (KeyError, TypeError, ValueError):
            matrix = np.zeros(0)
        if matrix.shape != (size, size) or not np.isfinite(matrix).all():
            raise InputError(
                f"{path}: camera {name!r} has no finite {size}x{size} {key!r}; expected {_CONTENT}"
            )
        matrices.append(matrix)
    intrinsic, extrinsic = matrices
    return DecafCamera(Camera.from_calibration(intrinsic, WIDTH, HEIGHT), extrinsic)
