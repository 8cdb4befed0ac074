"""One frame of results as one coloured triangle mesh: heads and hands, contact, deformation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dice_ros.errors import InputError
from dice_ros.render.palette import FACE_TINT, HAND_TINTS, vertex_colours
from dice_ros.types import Float32Array, Int32Array, Interaction, MeshTopology


@dataclass(frozen=True, slots=True, eq=False)
class FrameMesh:
    """Everybody in one frame, joined; V vertices, F triangles, both may be 0.

    Attributes:
        vertices: (V, 3) float32, metres, cam (x right, y down, z forward).
        triangles: (F, 3) int32, counter-clockwise seen from outside.
        colours: (V, 3) float32 RGB 0..1, those of the overlay pictures: contact is red,
            displaced skin goes from yellow to magenta.
    """

    vertices: Float32Array
    triangles: Int32Array
    colours: Float32Array


def frame_mesh(
    interactions: Sequence[Interaction], topologies: Mapping[str, MeshTopology]
) -> FrameMesh:
    """Join the meshes of everybody in a frame.

    Args:
        interactions: may be empty.
        topologies: by id.

    Raises:
        InputError: a mesh has a topology that is not among them.
    """
    vertices, triangles, colours = [], [], []
    for item in interactions:
        if item.face is not None:
            vertices.append(item.face.vertices)
            triangles.append(_triangles(item.face.topology, topologies))
            colours.append(vertex_colours(FACE_TINT, item.face.contact, item.face.deformation))
        for hand in item.hands:
            vertices.append(hand.vertices)
            triangles.append(_triangles(hand.topology, topologies))
            colours.append(vertex_colours(HAND_TINTS[hand.side], hand.contact))
    starts = np.cumsum([0, *(len(some) for some in vertices[:-1])])
    shifted = [
        part + start for part, start in zip(triangles, starts[: len(triangles)], strict=True)
    ]
    return FrameMesh(
        np.concatenate([np.zeros((0, 3)), *vertices]).astype(np.float32),
        np.concatenate([np.zeros((0, 3)), *shifted]).astype(np.int32),
        np.concatenate([np.zeros((0, 3)), *colours]).astype(np.float32),
    )


def _triangles(name: str, topologies: Mapping[str, MeshTopology]) -> Int32Array:
    if name not in topologies:
        raise InputError(
            f"a mesh has the topology {name!r}, the results hold {', '.join(topologies) or 'none'}:"
            " they are incomplete; make them anew"
        )
    return topologies[name].triangles
