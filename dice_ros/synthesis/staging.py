"""Bringing a random hand to a random place of a random face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dice_ros.camera import Camera
from dice_ros.synthesis import casting
from dice_ros.synthesis.figure import Figure
from dice_ros.synthesis.hand_spot import SPOTS_OF_POSTURE, HandSpot, touch_spot
from dice_ros.synthesis.placement import Arrival, FaceTarget
from dice_ros.synthesis.posture import Posture, posture_angles
from dice_ros.synthesis.scene import HandState, HeadState
from dice_ros.synthesis.surface_distance import Surface
from dice_ros.types import Float64Array, HandSide

_SEEN_SHARE = 0.75
_NEAREST_VERTEX_M = 0.1
_FOREARM_M = 0.26
_WRIST_COSINE_MIN = 0.35

# A landmark in the middle of each region, by the person's side it lies on.
_RIGHT_REGIONS = {"cheek": 205, "cheekbone": 50, "jaw": 172, "temple": 54, "mouth corner": 61}
_LEFT_REGIONS = {"cheek": 425, "cheekbone": 280, "jaw": 397, "temple": 284, "mouth corner": 291}
_MIDDLE_REGIONS = {"chin": 199, "nose": 4, "forehead": 151, "lips": 0, "chin edge": 152}
_REGIONS_OF_SPOT = {
    HandSpot.PALM: ("cheek", "cheekbone", "jaw", "forehead"),
    HandSpot.EDGE: ("cheek", "jaw", "forehead", "chin"),
    HandSpot.KNUCKLES: ("cheek", "cheekbone", "jaw", "chin", "temple", "forehead"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Staged:
    """A person with a hand at first contact.

    Attributes:
        camera: that sees them.
        head: the head.
        target: its face.
        arrival: the hand.
        elbow: (3,) metres, cam, where the forearm comes from.
        label: what touches where, for people.
    """

    camera: Camera
    head: HeadState
    target: FaceTarget
    arrival: Arrival
    elbow: Float64Array
    label: str

    def sees(self, figure: Figure, state: HandState) -> bool:
        """True if the hand would be in front of the camera and mostly inside the picture."""
        vertices = figure.hand(state).vertices
        if vertices[:, 2].min() < _NEAREST_VERTEX_M:
            return False
        pixels = self.camera.project(vertices)
        size = (self.camera.width, self.camera.height)
        inside = ((pixels > 0) & (pixels < size)).all(1)
        return bool(inside.mean() > _SEEN_SHARE)


@dataclass(frozen=True, slots=True)
class _Region:
    name: str
    landmark: int


def try_staging(rng: np.random.Generator, figure: Figure) -> Staged | None:
    """One attempt; None if hand or arm would pass through the face or the place is turned away."""
    camera = casting.random_camera(rng)
    head = casting.random_head(rng, figure.head_model, camera)
    side = HandSide.RIGHT if rng.uniform() < 0.5 else HandSide.LEFT
    posture = list(Posture)[rng.integers(len(Posture))]
    spots = SPOTS_OF_POSTURE[posture]
    spot = spots[rng.integers(len(spots))]
    region = _random_region(rng, side, spot)
    angles = posture_angles(posture, rng)
    scale = float(np.clip(rng.normal(1.0, 0.05), 0.88, 1.12))
    arm = arm_direction(side, rng)

    target = FaceTarget(figure, figure.head(head))
    place = target.place(landmark_position(figure, target, region.landmark))
    if place.normal @ place.point > -0.1 * np.linalg.norm(place.point):
        return None
    hand = HandState(side, angles, np.zeros(3), scale, np.eye(3), np.zeros(3))
    arrival = target.arrive(hand, touch_spot(figure.poser, angles, spot), place, arm)
    if arrival is None:
        return None
    elbow = elbow_of(arrival.state, arm)
    posed = figure.hand(arrival.state)
    along = posed.joints[0] - posed.joints[9]
    if along @ arm < _WRIST_COSINE_MIN * np.linalg.norm(along):
        return None
    forearm = figure.forearm(posed, elbow).vertices
    torso = figure.torso(head, target.vertices)
    if target.reaches_in(forearm) or Surface(torso.vertices, torso.triangles).inside(forearm).any():
        return None
    label = f"{side.value} {posture.value} hand: {spot.value} on {region.name}"
    return Staged(camera, head, target, arrival, elbow, label)


def landmark_position(figure: Figure, target: FaceTarget, landmark: int) -> Float64Array:
    """(3,) metres, cam: where one of the 478 landmarks is on a face."""
    model = figure.head_model
    corners = target.vertices[model.triangles[model.landmark_triangles[landmark]]]
    return np.asarray(model.landmark_barycentric[landmark] @ corners, dtype=np.float64)


def arm_direction(side: HandSide, rng: np.random.Generator | None = None) -> Float64Array:
    """(3,) unit, cam: from the wrist down, outwards and a little towards the camera."""
    outward = -1.0 if side is HandSide.RIGHT else 1.0
    arm = np.array([0.45 * outward, 1.0, -0.30])
    if rng is not None:
        arm = arm + rng.normal(0.0, (0.25, 0.15, 0.20))
    return np.asarray(arm / np.linalg.norm(arm))


def elbow_of(hand: HandState, arm: Float64Array) -> Float64Array:
    """(3,) metres, cam: a forearm's length from the wrist."""
    return np.asarray(hand.translation + _FOREARM_M * arm)


def _random_region(rng: np.random.Generator, side: HandSide, spot: HandSpot) -> _Region:
    """Mostly the hand's own side of the face, sometimes the middle, rarely the other side."""
    own, other = _RIGHT_REGIONS, _LEFT_REGIONS
    if side is HandSide.LEFT:
        own, other = other, own
    regions = (own, _MIDDLE_REGIONS, other)[int(rng.choice(3, p=[0.60, 0.34, 0.06]))]
    allowed = _REGIONS_OF_SPOT.get(spot, tuple(regions))
    names = [name for name in regions if name in allowed]
    name = names[rng.integers(len(names))]
    return _Region(name, regions[name])
