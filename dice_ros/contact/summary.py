"""Contact summaries: which part of the hand touches which region of the face, and how."""

from __future__ import annotations

import numpy as np

from dice_ros.types import (
    Contact,
    Float32Array,
    Float64Array,
    HandSide,
    Int32Array,
    MeshTopology,
)


def vertex_areas(vertices: Float32Array, triangles: Int32Array) -> Float64Array:
    """(V,) area that belongs to each vertex: a third of its triangles, in the unit squared."""
    first, second, third = (vertices[triangles[:, corner]] for corner in range(3))
    area = np.linalg.norm(np.cross(second - first, third - first), axis=1) / 6.0
    owners = triangles.ravel(order="F")
    summed = np.bincount(owners, weights=np.tile(area, 3), minlength=len(vertices))
    return summed.astype(np.float64)


def summarise_contacts(
    side: HandSide,
    *,
    face: MeshTopology,
    hand: MeshTopology,
    face_vertices: Float32Array,
    face_normals: Float32Array,
    deformation: Float32Array,
    touched: Int32Array,
    probability: Float32Array,
    hand_vertex: Int32Array,
) -> tuple[Contact, ...]:
    """Group touched face vertices by hand part and face region.

    Args:
        side: which hand.
        face, hand: topologies with region labels.
        face_vertices: (V, 3) metres, cam, deformed.
        face_normals: (V, 3) unit, outwards.
        deformation: (V, 3) metres.
        touched: (N,) face vertices in contact.
        probability: (N,) contact probability of each.
        hand_vertex: (N,) the hand vertex nearest to each.

    Returns:
        Most probable first, then largest.
    """
    if not len(touched):
        return ()
    areas = _areas_of(touched, face_vertices, face.triangles)
    depth = np.linalg.norm(deformation[touched], axis=1)
    parts, regions = hand.region_labels[hand_vertex], face.region_labels[touched]
    keys = parts.astype(np.int64) * len(face.region_names) + regions
    contacts = []
    for key in np.unique(keys):
        member = keys == key
        weight = areas[member] / max(float(areas[member].sum()), 1e-12)
        normal = weight @ face_normals[touched[member]]
        contacts.append(
            Contact(
                side=side,
                hand_part=hand.region_names[int(key) // len(face.region_names)],
                face_region=face.region_names[int(key) % len(face.region_names)],
                probability=float(probability[member].max()),
                area_mm2=float(areas[member].sum()) * 1e6,
                depth_mm=float(depth[member].max()) * 1e3,
                centre=(weight @ face_vertices[touched[member]]).astype(np.float32),
                normal=(normal / max(float(np.linalg.norm(normal)), 1e-12)).astype(np.float32),
                face_vertex_count=int(member.sum()),
                hand_vertex_count=len(np.unique(hand_vertex[member])),
            )
        )
    return tuple(sorted(contacts, key=lambda item: (-item.probability, -item.area_mm2)))


def _areas_of(touched: Int32Array, vertices: Float32Array, triangles: Int32Array) -> Float64Array:
    """Areas of a few vertices: only the triangles around them are measured."""
    marked = np.zeros(len(vertices), dtype=bool)
    marked[touched] = True
    return vertex_areas(vertices, triangles[marked[triangles].any(axis=1)])[touched]
