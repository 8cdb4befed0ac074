"""Pushing the skin out of a hand: which vertices the hand would be inside of, and how they move."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dice_ros.contact.mesh_surface import MeshSurface
from dice_ros.contact.skin import SkinCompliance
from dice_ros.types import Float32Array, Float64Array, Int32Array

_ROUNDS = 4
_ENOUGH_M = 2e-4
_REACH_M = 0.03


@dataclass(frozen=True, slots=True, eq=False)
class Indentation:
    """Skin pushed aside by hands.

    Attributes:
        vertices: (M,) int32, numbers of the skin vertices that may move.
        displacement: (M, 3) float32, metres, deformed minus undeformed.
        touched: (C,) int32, vertices a hand pushes.
        left_over_m: deepest penetration that remains, metres.
    """

    vertices: Int32Array
    displacement: Float32Array
    touched: Int32Array
    left_over_m: float


def indent(skin: SkinCompliance, face: Float32Array, hands: list[MeshSurface]) -> Indentation:
    """Move the skin of an undeformed face to the surface of the hands that press into it.

    Args:
        skin: compliance of the face's skin.
        face: (V, 3) float32 metres, undeformed.
        hands: surfaces in the same frame.
    """
    movable = skin.movable
    displacement = np.zeros((len(movable), 3), dtype=np.float32)
    near = _within_reach(face[movable], hands)
    pushes = np.zeros((len(movable), 3))
    active = np.zeros(len(movable), dtype=bool)
    left_over = 0.0
    for _ in range(_ROUNDS if len(near) else 0):
        points = face[movable[near]] + displacement[near]
        push, depth = _deepest_push(points.astype(np.float64), hands)
        left_over = float(depth.max(initial=0.0))
        if left_over < _ENOUGH_M:
            break
        inside = near[depth > 0]
        pushes[inside] = displacement[inside] + push[depth > 0]
        active[inside] = True
        slots = np.flatnonzero(active)
        displacement = skin.displacement(movable[slots], pushes[slots])
    return Indentation(movable, displacement, movable[active], left_over)


def _within_reach(points: Float32Array, hands: list[MeshSurface]) -> Int32Array:
    """Numbers of the points inside any hand's bounding box grown by the reach."""
    close = np.zeros(len(points), dtype=bool)
    for hand in hands:
        low, high = hand.bounds
        close |= ((points > low - _REACH_M) & (points < high + _REACH_M)).all(axis=1)
    return np.flatnonzero(close).astype(np.int32)


def _deepest_push(
    points: Float64Array, hands: list[MeshSurface]
) -> tuple[Float64Array, Float64Array]:
    """For each point the way out of the hand it is deepest in: (N, 3), and how deep: (N,)."""
    push, depth = np.zeros_like(points), np.zeros(len(points))
    for hand in hands:
        closest = hand.closest(points)
        deeper = -closest.signed_distance > depth
        push[deeper] = (closest.points - points)[deeper]
        depth[deeper] = -closest.signed_distance[deeper]
    return push, depth
