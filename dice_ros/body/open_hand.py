"""The open hand: a CC0 rigged right hand cut out of the MakeHuman base mesh.

V = 1611 vertices, F = 3218 triangles (watertight), 21 joints, 16 bones. Hand frame: metres, origin
at the wrist joint, axes of the camera optical frame for the rest pose. Left hands are mirror images
(x -> -x) with flipped winding.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from dice_ros.body.model_file import ArraySpec, read_model_file, write_model_file
from dice_ros.body.topology import make_topology
from dice_ros.types import Float32Array, HandSide, Int32Array, MeshTopology, UInt8Array

HAND_VERTEX_COUNT = 1611
HAND_TOPOLOGY_IDS = {"right": "mh-hand-right-1611", "left": "mh-hand-left-1611"}


@dataclass(frozen=True)
class OpenHand:
    """Rest mesh, skeleton and constant per-vertex properties of the open right hand.

    Attributes:
        template: (V, 3) float32, metres, hand frame.
        triangles: (F, 3) int32, counter-clockwise seen from outside, for the right hand.
        joints: (21, 3) float32, metres: wrist, thumb 1-4, index 1-4, middle 1-4, ring 1-4,
            pinky 1-4 (4 is the tip).
        weights: (V, 16) float32, skinning weights of bone 0 (palm) and the 15 finger bones
            thumb 1-3, index 1-3, middle 1-3, ring 1-3, pinky 1-3; rows sum to 1.
        shape_basis: (3, V, 3) float32, metres per standard deviation: finger length, finger
            diameter, finger spread.
        joint_shape_basis: (3, 21, 3) float32, the same directions at the joints.
        region_labels: (V,) uint8, index into ``region_names``.
        region_names: ``none`` first, then the hand parts.
    """

    template: Float32Array
    triangles: Int32Array
    joints: Float32Array
    weights: Float32Array
    shape_basis: Float32Array
    joint_shape_basis: Float32Array
    region_labels: UInt8Array
    region_names: tuple[str, ...]

    @staticmethod
    def load(path: Path) -> OpenHand:
        """Read the model from a file that :meth:`save` wrote.

        Raises:
            AssetError: missing, damaged, or arrays of the wrong shape.
        """
        arrays: dict[str, Any] = dict(read_model_file(path, _SPECS))
        arrays["region_names"] = tuple(str(name) for name in arrays["region_names"])
        return OpenHand(**{item.name: arrays[item.name] for item in fields(OpenHand)})

    def save(self, path: Path) -> None:
        """Write the model."""
        write_model_file(
            path, {item.name: np.asarray(getattr(self, item.name)) for item in fields(self)}
        )

    def topology(self, side: HandSide) -> MeshTopology:
        """What is constant about the mesh of one side; a left hand is wound the other way."""
        triangles = self.triangles
        if side is HandSide.LEFT:
            triangles = np.ascontiguousarray(triangles[:, ::-1])
        return make_topology(
            HAND_TOPOLOGY_IDS[side.value], triangles, self.region_labels, self.region_names
        )


_SPECS = {
    "template": ArraySpec((HAND_VERTEX_COUNT, 3), "float32"),
    "triangles": ArraySpec((3218, 3), "int32"),
    "joints": ArraySpec((21, 3), "float32"),
    "weights": ArraySpec((HAND_VERTEX_COUNT, 16), "float32"),
    "shape_basis": ArraySpec((3, HAND_VERTEX_COUNT, 3), "float32"),
    "joint_shape_basis": ArraySpec((3, 21, 3), "float32"),
    "region_labels": ArraySpec((HAND_VERTEX_COUNT,), "uint8"),
    "region_names": ArraySpec((20,), "str"),
}
