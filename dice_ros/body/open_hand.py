"""The open hand: a CC0 rigged right hand cut out of the MakeHuman base mesh.

V = 1611 vertices, F = 3218 triangles (watertight), 21 joints, 16 bones. Hand frame: metres, origin
at the wrist joint, axes of the camera optical frame for the rest pose. Left hands are mirror images
(x -> -x) with flipped winding.
"""

from __future__ import annotations

from dataclasses import dataclass

from dice_ros.types import Float32Array, Int32Array, UInt8Array

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
