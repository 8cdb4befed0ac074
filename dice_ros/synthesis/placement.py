"""Bringing a posed hand to a spot on a face: first contact, indentation, hovering."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dice_ros.body.vertex_normals import vertex_normals
from dice_ros.synthesis.figure import Figure, PosedHand
from dice_ros.synthesis.hand_spot import TouchSpot
from dice_ros.synthesis.scene import HandState
from dice_ros.synthesis.surface_distance import Surface
from dice_ros.types import Float32Array, Float64Array, HandSide

TOUCHING_M = 3e-4
"""A hand this near counts as having arrived, metres."""

_STARTS_M = (0.06, 0.12)
_MOST_STEPS = 60
_NEAREST_M = 0.15
_UNDER_SKIN_REACH_M = 0.03


@dataclass(frozen=True, slots=True, eq=False)
class Arrival:
    """A hand at first contact with a face.

    Attributes:
        state: the hand, touching without pressing.
        push: (3,) unit, cam, the direction it came in.
    """

    state: HandState
    push: Float64Array

    def pressed(self, depth: float) -> HandState:
        """The hand moved on by ``depth`` metres into the face."""
        return moved(self.state, depth * self.push)


@dataclass(frozen=True, slots=True, eq=False)
class FacePlace:
    """A spot on a face.

    Attributes:
        point: (3,) metres, cam.
        normal: (3,) unit, outward, averaged over the surroundings.
    """

    point: Float64Array
    normal: Float64Array


class FaceTarget:
    """An undeformed face that hands are brought to.

    Args:
        figure: the models.
        vertices: (V, 3) metres, cam.
    """

    def __init__(self, figure: Figure, vertices: NDArray[np.floating]) -> None:
        model = figure.head_model
        self.figure = figure
        self.vertices = np.asarray(vertices, dtype=np.float64)
        normals = vertex_normals(vertices, model.triangles).astype(np.float64)
        self._exterior_normals = normals[model.exterior]
        self._exterior = self.vertices[model.exterior]
        self._skin = Surface(vertices, model.triangles[model.exterior[model.triangles].all(1)])

    def place(self, points: Float64Array, smoothing: float = 0.015) -> FacePlace:
        """The place of the face nearest to a point.

        Args:
            points: (3,) metres, cam.
            smoothing: metres, size of the patch whose mean normal is taken.
        """
        found = self._skin.closest(points[None])
        point = found.point[0]
        near = np.linalg.norm(self._exterior - point, axis=1)
        weights = np.exp(-0.5 * np.square(near / smoothing))
        normal = weights @ self._exterior_normals
        return FacePlace(point, normal / np.linalg.norm(normal))

    def reaches_in(self, points: NDArray[np.floating]) -> bool:
        """True if any of (N, 3) points lies more than 2 mm under the skin."""
        found = self._skin.closest(points, _UNDER_SKIN_REACH_M)
        near = np.flatnonzero(found.triangle >= 0)
        normals = self._skin.normals(found.triangle[near])
        height = np.einsum("ni,ni->n", np.asarray(points)[near] - found.point[near], normals)
        return bool((height < -0.002).any())

    def clearance(self, hand: PosedHand, offset: Float64Array | float = 0.0) -> float:
        """Smallest distance between a hand moved by ``offset`` and the face; 0 if it reaches in.

        Distances are taken from the vertices of each mesh to the triangles of the other.
        """
        solid = Surface(hand.vertices, hand.triangles)
        if solid.inside(self._exterior - offset).any():
            return 0.0
        return self._gap(solid, hand.vertices, offset)

    def arrive(
        self, hand: HandState, spot: TouchSpot, place: FacePlace, arm: Float64Array
    ) -> Arrival | None:
        """Slide a hand along the face's inward normal until it touches.

        Args:
            hand: its posture, side and size; rotation and translation are replaced.
            spot: which spot of the (right) hand is to arrive, and how it points.
            place: where on the face.
            arm: (3,) cam, direction from wrist to elbow that is wished for.

        Returns:
            The hand at first contact; None if it first bumps into something else, farther from
            the place than the spot's tolerance.
        """
        goal, normal = place.point, place.normal
        placed = _aimed(hand, spot, goal, -normal, arm)
        posed = self.figure.hand(placed)
        solid = Surface(posed.vertices, posed.triangles)
        for start in _STARTS_M:
            if not solid.inside(self._exterior - start * normal).any():
                break
        else:
            return None
        distance = start
        for _ in range(_MOST_STEPS):
            gap = self._gap(solid, posed.vertices, distance * normal)
            if gap < TOUCHING_M:
                break
            distance -= max(gap - 0.5 * TOUCHING_M, 0.2 * TOUCHING_M)
        else:
            return None
        arrived = moved(placed, distance * normal)
        if self._distance_of_touch(posed, distance * normal, goal) > spot.tolerance:
            return None
        return Arrival(arrived, -normal)

    def hover(self, state: HandState, gap: float) -> HandState | None:
        """Move a hand that touches towards the camera until ``gap`` metres are free.

        Args:
            state: the hand at first contact.
            gap: smallest distance between hand and face afterwards, metres.

        Returns:
            The hand on the same viewing ray; None if it cannot get that far, or would pass
            through the face.
        """
        posed = self.figure.hand(state)
        solid = Surface(posed.vertices, posed.triangles)
        centre = posed.vertices.mean(0).astype(np.float64)
        away = -centre / np.linalg.norm(centre)
        reach = 0.0
        for _ in range(_MOST_STEPS):
            shift = reach * away
            free = self._gap(solid, posed.vertices, shift)
            if abs(free - gap) < TOUCHING_M:
                passed = solid.inside(self._exterior - shift).any()
                return None if passed else moved(state, shift)
            # Clearance changes by at most the distance moved, so this cannot overshoot.
            reach += gap - free
            if reach > np.linalg.norm(centre) - _NEAREST_M:
                return None
        return None

    def _gap(
        self, solid: Surface, hand_vertices: Float32Array, offset: Float64Array | float
    ) -> float:
        """Distance between the surfaces; right as long as they do not cross."""
        return min(
            solid.smallest_distance(self._exterior - offset),
            self._skin.smallest_distance(hand_vertices + offset),
        )

    def _distance_of_touch(
        self, hand: PosedHand, offset: Float64Array, goal: Float64Array
    ) -> float:
        found = self._skin.closest(hand.vertices + offset, 2e-3)
        touched = found.point[np.isfinite(found.distance)]
        if not len(touched):
            return np.inf
        return float(np.linalg.norm(touched - goal, axis=1).min())


def moved(state: HandState, offset: Float64Array) -> HandState:
    """The same hand elsewhere."""
    return dataclasses.replace(state, translation=state.translation + offset)


def _aimed(
    hand: HandState, spot: TouchSpot, goal: Float64Array, push: Float64Array, arm: Float64Array
) -> HandState:
    """Turn a hand so that its spot points along ``push`` and its arm leans the wished way."""
    mirror = np.array([-1.0, 1.0, 1.0]) if hand.side is HandSide.LEFT else np.ones(3)
    own = _frame(mirror * spot.direction, mirror * spot.arm)
    rotation = _frame(push, arm) @ own.T
    reach = rotation @ (hand.scale * mirror * spot.point)
    return dataclasses.replace(hand, rotation=rotation, translation=goal - reach)


def _frame(first: Float64Array, second: Float64Array) -> Float64Array:
    """Rotation whose columns are ``first``, what is left of ``second``, and their normal."""
    x = first / np.linalg.norm(first)
    y = second - x * (x @ second)
    y = y / np.linalg.norm(y)
    return np.stack([x, y, np.cross(x, y)], axis=1)
