"""The open head: a CC0 parametric head cut out of the MakeHuman base mesh.

V = 4439 vertices, F = 8820 triangles, 478 landmarks. Head frame: metres, x to the person's left
(right in the image of a frontal face), y down, z away from the camera that looks at the face;
origin between the eyes. An unrotated head therefore faces a camera that looks along +z.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from dice_ros.body.model_file import ArraySpec, read_model_file, write_model_file
from dice_ros.body.topology import make_topology
from dice_ros.types import BoolArray, Float32Array, Int32Array, MeshTopology, UInt8Array

HEAD_TOPOLOGY_ID = "mh-head-4439"
HEAD_VERTEX_COUNT = 4439
MATERIAL_NAMES = (*("skin", "lips", "brow", "eye_white", "iris", "pupil", "hair", "inside"),)

_MOVABLE_Z_M = 0.09


@dataclass(frozen=True)
class OpenHead:
    """Template, shape spaces and constant per-vertex properties of the open head.

    Attributes:
        template: (V, 3) float32, metres, head frame.
        triangles: (F, 3) int32, counter-clockwise seen from outside.
        identity_basis: (40, V, 3) float32, metres per standard deviation, strongest first.
        expression_basis: (52, V, 3) float32, metres at full expression.
        expression_names: 52 names in the order of the blendshape network (``_neutral`` first,
            all zeros).
        exterior: (V,) bool, skin that something outside can touch.
        mirror: (V,) int32, index of each vertex's left-right partner.
        stiffness: (V,) float32 in [0.05, 1], resistance of the skin against displacement.
        landmark_triangles: (478,) int32, triangle each landmark lies in.
        landmark_barycentric: (478, 3) float32, weights of that triangle's corners.
        landmark_spread: (478,) float32, metres, disagreement of the views that placed it.
        region_labels: (V,) uint8, index into ``region_names``.
        region_names: ``none`` first, then the face regions.
        materials: (V,) uint8, index into :data:`MATERIAL_NAMES`, for drawing.
    """

    template: Float32Array
    triangles: Int32Array
    identity_basis: Float32Array
    expression_basis: Float32Array
    expression_names: tuple[str, ...]
    exterior: BoolArray
    mirror: Int32Array
    stiffness: Float32Array
    landmark_triangles: Int32Array
    landmark_barycentric: Float32Array
    landmark_spread: Float32Array
    region_labels: UInt8Array
    region_names: tuple[str, ...]
    materials: UInt8Array

    @staticmethod
    def load(path: Path) -> OpenHead:
        """Read the model from a file that :meth:`save` wrote.

        Raises:
            AssetError: missing, damaged, or arrays of the wrong shape.
        """
        arrays: dict[str, Any] = dict(read_model_file(path, _SPECS))
        for names in ("expression_names", "region_names"):
            arrays[names] = tuple(str(name) for name in arrays[names])
        return OpenHead(**{item.name: arrays[item.name] for item in fields(OpenHead)})

    def save(self, path: Path) -> None:
        """Write the model."""
        write_model_file(
            path, {item.name: np.asarray(getattr(self, item.name)) for item in fields(self)}
        )

    @cached_property
    def topology(self) -> MeshTopology:
        """What is constant about the mesh."""
        return make_topology(
            HEAD_TOPOLOGY_ID, self.triangles, self.region_labels, self.region_names
        )

    @cached_property
    def movable(self) -> BoolArray:
        """(V,) bool: skin of the front of the head and its sides, which a hand can displace."""
        return np.asarray(self.exterior & (self.template[:, 2] < _MOVABLE_Z_M))


_SPECS = {
    "template": ArraySpec((HEAD_VERTEX_COUNT, 3), "float32"),
    "triangles": ArraySpec((8820, 3), "int32"),
    "identity_basis": ArraySpec((40, HEAD_VERTEX_COUNT, 3), "float32"),
    "expression_basis": ArraySpec((52, HEAD_VERTEX_COUNT, 3), "float32"),
    "expression_names": ArraySpec((52,), "str"),
    "exterior": ArraySpec((HEAD_VERTEX_COUNT,), "bool"),
    "mirror": ArraySpec((HEAD_VERTEX_COUNT,), "int32"),
    "stiffness": ArraySpec((HEAD_VERTEX_COUNT,), "float32"),
    "landmark_triangles": ArraySpec((478,), "int32"),
    "landmark_barycentric": ArraySpec((478, 3), "float32"),
    "landmark_spread": ArraySpec((478,), "float32"),
    "region_labels": ArraySpec((HEAD_VERTEX_COUNT,), "uint8"),
    "region_names": ArraySpec((26,), "str"),
    "materials": ArraySpec((HEAD_VERTEX_COUNT,), "uint8"),
}
