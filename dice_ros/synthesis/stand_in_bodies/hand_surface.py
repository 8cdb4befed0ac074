"""The open hand's skin thinned to 778 vertices, with the finger tips at MANO's vertex numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dice_ros.body.open_hand import OpenHand
from dice_ros.synthesis.stand_in_bodies.mesh_decimation import thin_mesh
from dice_ros.types import Float64Array, Int32Array

VERTEX_COUNT, TRIANGLE_COUNT, RIM_COUNT = 778, 1538, 16
TIP_VERTICES = (744, 320, 443, 554, 671)
"""Vertices at the very tips of thumb, index, middle, ring and pinky."""
PAD_VERTICES = (745, 317, 445, 556, 673)
"""The vertices beside them that the other joint convention uses."""


@dataclass(frozen=True, slots=True, eq=False)
class HandSurface:
    """The skin; V = 778.

    Attributes:
        points: (V, 3) float64, metres, hand frame of the open hand.
        triangles: (1538, 3) int32, counter-clockwise seen from outside.
        source: (V,) int32, the vertex of the open hand each one is.
    """

    points: Float64Array
    triangles: Int32Array
    source: Int32Array


def hand_surface(hand: OpenHand) -> HandSurface:
    """Build the surface from the open hand."""
    centre = len(hand.template) - 1  # closes the wrist, which MANO leaves open
    template = hand.template[:centre].astype(np.float64)
    triangles = hand.triangles[(hand.triangles != centre).all(axis=1)]
    tips = _tips(template, hand.joints.astype(np.float64))
    thin = thin_mesh(template, triangles, VERTEX_COUNT, rim_count=RIM_COUNT, kept=tips)
    order = _vertex_order(thin.picked, thin.triangles, tips, template)
    number = np.empty(VERTEX_COUNT, dtype=np.int32)
    number[order] = np.arange(VERTEX_COUNT)
    source = thin.picked[order]
    return HandSurface(template[source], number[thin.triangles], source)


def _tips(template: Float64Array, joints: Float64Array) -> list[int]:
    """The vertex farthest out along the last bone of each finger."""
    found = []
    for tip in range(4, 21, 4):
        along = joints[tip] - joints[tip - 1]
        reach = (template - joints[tip]) @ (along / np.linalg.norm(along))
        aside = np.linalg.norm(template - joints[tip], axis=1)
        found.append(int(np.argmax(np.where(aside < np.linalg.norm(along), reach, -1.0))))
    return found


def _vertex_order(
    picked: Int32Array, triangles: Int32Array, tips: list[int], template: Float64Array
) -> Int32Array:
    """(V,) which thinned vertex takes each number: tips and pads where MANO has them."""
    wanted: dict[int, int] = {}
    for tip, tip_number, pad_number in zip(tips, TIP_VERTICES, PAD_VERTICES, strict=True):
        vertex = int(np.flatnonzero(picked == tip)[0])
        around = np.setdiff1d(triangles[(triangles == vertex).any(axis=1)], [vertex])
        gaps = np.linalg.norm(template[picked[around]] - template[tip], axis=1)
        wanted[tip_number] = vertex
        wanted[pad_number] = int(around[np.argmin(gaps)])
    free = iter(np.setdiff1d(np.arange(VERTEX_COUNT), list(wanted.values())))
    order = [wanted.get(number, -1) for number in range(VERTEX_COUNT)]
    return np.array([next(free) if vertex < 0 else vertex for vertex in order], dtype=np.int32)
