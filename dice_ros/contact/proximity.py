"""Contact probability from distance, for both surfaces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dice_ros.contact.mesh_surface import MeshSurface
from dice_ros.types import Float32Array, Int32Array

CONTACT_SIGMA_M = 2.2e-3
"""Distance at which the probability has fallen to exp(-1/2), metres."""

_REACH_SIGMAS = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class Proximity:
    """How close two surfaces are, for each vertex of both, given that they touch.

    Attributes:
        face: (V,) float32, contact probability of the face's vertices.
        hand: (V,) float32, contact probability of the hand's vertices.
        nearest_hand_vertex: (V,) int32, for each face vertex; -1 where out of reach.
    """

    face: Float32Array
    hand: Float32Array
    nearest_hand_vertex: Int32Array


def proximity_probability(distance_m: NDArray[np.floating]) -> Float32Array:
    """exp(-d^2 / 2 sigma^2) of signed distances in metres; 1 inside."""
    outside = np.maximum(distance_m, 0.0) / CONTACT_SIGMA_M
    return np.asarray(np.exp(-0.5 * outside**2), dtype=np.float32)


def measure_proximity(face: MeshSurface, hand: MeshSurface, touchable: Int32Array) -> Proximity:
    """Contact probabilities of a face and a hand that touch each other.

    Args:
        face: deformed surface of the face.
        hand: surface of the hand, same frame.
        touchable: (T,) face vertices that can be touched at all.
    """
    reach = _REACH_SIGMAS * CONTACT_SIGMA_M
    on_face = np.zeros(len(face.vertices), dtype=np.float32)
    on_hand = np.zeros(len(hand.vertices), dtype=np.float32)
    nearest = np.full(len(face.vertices), -1, dtype=np.int32)

    near_face = touchable[_near(face.vertices[touchable], hand, reach)]
    closest = hand.closest(face.vertices[near_face])
    on_face[near_face] = proximity_probability(closest.signed_distance)
    nearest[near_face] = closest.vertex

    near_hand = _near(hand.vertices, face, reach)
    on_hand[near_hand] = proximity_probability(
        face.closest(hand.vertices[near_hand]).signed_distance
    )
    return Proximity(on_face, on_hand, nearest)


def _near(points: NDArray[np.floating], other: MeshSurface, reach: float) -> Int32Array:
    low, high = other.bounds
    close = ((points > low - reach) & (points < high + reach)).all(axis=1)
    return np.flatnonzero(close).astype(np.int32)
