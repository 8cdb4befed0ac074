"""The open head: a CC0 parametric head cut out of the MakeHuman base mesh.

V = 4439 vertices, F = 8820 triangles, 478 landmarks. Head frame: metres, x to the person's left
(right in the image of a frontal face), y down, z away from the camera that looks at the face;
origin between the eyes. An unrotated head therefore faces a camera that looks along +z.
"""

from __future__ import annotations

from dataclasses import dataclass

from dice_ros.types import BoolArray, Float32Array, Int32Array, UInt8Array

HEAD_TOPOLOGY_ID = "mh-head-4439"
HEAD_VERTEX_COUNT = 4439


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
