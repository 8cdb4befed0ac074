"""Contact summaries: which part of the hand touches which region of the face, and how."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from dice_ros.types import (
    Contact,
    Float32Array,
    Float64Array,
    HandSide,
    Int32Array,
    MeshTopology,
)

_TOPOLOGIES_KEPT = 8


def triangle_areas(vertices: Float32Array, triangles: Int32Array) -> Float64Array:
    """(F,) area of each triangle, in the unit squared."""
    first, second, third = (vertices[triangles[:, corner]] for corner in range(3))
    (ax, ay, az), (bx, by, bz) = (second - first).T, (third - first).T
    # Written out: for a few triangles np.cross and np.linalg.norm cost more than the arithmetic.
    doubled = np.sqrt(
        (ay * bz - az * by) ** 2 + (az * bx - ax * bz) ** 2 + (ax * by - ay * bx) ** 2
    )
    areas: Float64Array = doubled.astype(np.float64) / 2.0
    return areas


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
    parts, regions = hand.region_labels[hand_vertex], face.region_labels[touched]
    keys = parts.astype(np.int64) * len(face.region_names) + regions
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    # Members of one pair of part and region are neighbours now.
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    counts = np.diff(starts, append=len(keys))
    areas = _areas_of(touched, face_vertices, face)[order]
    total = np.add.reduceat(areas, starts)
    weights = (areas / np.repeat(np.maximum(total, 1e-12), counts))[:, None]
    centres = np.add.reduceat(weights * face_vertices[touched[order]], starts)
    normals = np.add.reduceat(weights * face_normals[touched[order]], starts)
    normals /= np.maximum(np.sqrt((normals**2).sum(axis=1)), 1e-12)[:, None]
    depth = np.sqrt((deformation[touched[order]].astype(np.float64) ** 2).sum(axis=1))
    hand_keys = np.unique(keys * hand.vertex_count + hand_vertex[order]) // hand.vertex_count
    hand_counts = np.diff(np.searchsorted(hand_keys, keys[starts]), append=len(hand_keys))
    contacts = [
        Contact(
            side=side,
            hand_part=hand.region_names[key // len(face.region_names)],
            face_region=face.region_names[key % len(face.region_names)],
            probability=likely,
            area_mm2=area * 1e6,
            depth_mm=deepest * 1e3,
            centre=centre,
            normal=normal,
            face_vertex_count=face_count,
            hand_vertex_count=hand_count,
        )
        for key, likely, area, deepest, centre, normal, face_count, hand_count in zip(
            keys[starts].tolist(),
            np.maximum.reduceat(probability[order], starts).tolist(),
            total.tolist(),
            np.maximum.reduceat(depth, starts).tolist(),
            centres.astype(np.float32),
            normals.astype(np.float32),
            counts.tolist(),
            hand_counts.tolist(),
            strict=True,
        )
    ]
    return tuple(sorted(contacts, key=lambda item: (-item.probability, -item.area_mm2)))


def _areas_of(touched: Int32Array, vertices: Float32Array, face: MeshTopology) -> Float64Array:
    """Areas of a few vertices: only the triangles around them are measured."""
    around = _triangles_around(face)[touched]
    areas = triangle_areas(vertices, around.reshape(-1, 3)).reshape(around.shape[:2])
    thirds: Float64Array = areas.sum(axis=1) / 3.0
    return thirds


@lru_cache(maxsize=_TOPOLOGIES_KEPT)
def _triangles_around(face: MeshTopology) -> Int32Array:
    """(V, D, 3) the triangles around each vertex, filled up with ones of no area."""
    owners = face.triangles.ravel()
    order = np.argsort(owners, kind="stable")
    degrees = np.bincount(owners, minlength=face.vertex_count)
    within = np.arange(len(owners)) - np.repeat(np.cumsum(degrees) - degrees, degrees)
    around = np.zeros((face.vertex_count, int(degrees.max()), 3), np.int32)
    around[owners[order], within] = face.triangles[order // 3]
    return around
