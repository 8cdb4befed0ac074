"""Meshes of a posed person in the camera frame: the head, the hands, and sleeves and shoulders.

Forearms and shoulders are there so that pictures look like people (detectors were trained on
people); they are not part of any ground truth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dice_ros.body.hand_pose import HandPoser
from dice_ros.body.open_hand import OpenHand
from dice_ros.body.open_head import OpenHead
from dice_ros.body.rotation import (
    axis_angle_from_matrix,
    matrix_from_axis_angle,
    rotation_about,
)
from dice_ros.synthesis.scene import HandState, HeadState
from dice_ros.types import Float32Array, Float64Array, HandSide, Int32Array

_MIRROR_X = np.array([-1.0, 1.0, 1.0])
_FOREARM_LENGTH_M = 0.25
_FOREARM_RINGS = 14
_TORSO_SEGMENTS = 48


@dataclass(frozen=True, slots=True, eq=False)
class PosedHand:
    """A hand in the camera frame.

    Attributes:
        vertices: (V, 3) float32, metres, cam.
        joints: (21, 3) float64, metres, cam.
        triangles: (F, 3) int32, counter-clockwise seen from outside, for this side.
    """

    vertices: Float32Array
    joints: Float64Array
    triangles: Int32Array


@dataclass(frozen=True, slots=True, eq=False)
class Tube:
    """A lofted surface.

    Attributes:
        vertices: (V, 3) float64, metres, cam.
        triangles: (F, 3) int32, counter-clockwise seen from outside.
        along: (V,) float64, 0 at the first ring to 1 at the last.
    """

    vertices: Float64Array
    triangles: Int32Array
    along: Float64Array


class Figure:
    """Poses the open head and hand.

    Args:
        head: the head model.
        hand: the right-hand model.
    """

    def __init__(self, head: OpenHead, hand: OpenHand) -> None:
        self.head_model = head
        self.hand_model = hand
        self.poser = HandPoser(hand)
        self._triangles = {
            HandSide.RIGHT: hand.triangles,
            HandSide.LEFT: np.ascontiguousarray(hand.triangles[:, ::-1]),
        }
        self._wrist_loop = _fan_loop(hand)

    def head(self, state: HeadState) -> Float32Array:
        """(V, 3) float32, metres, cam: the undeformed head."""
        model = self.head_model
        shape = model.template + np.tensordot(
            np.asarray(state.betas, dtype=np.float32), model.identity_basis, axes=1
        )
        shape += np.tensordot(
            np.asarray(state.expression, dtype=np.float32), model.expression_basis, axes=1
        )
        return np.asarray(shape @ state.rotation.T + state.translation, dtype=np.float32)

    def hand(self, state: HandState) -> PosedHand:
        """A hand where its state says."""
        vertices, joints = self.poser.pose(state.angles, state.betas)
        mirror = _MIRROR_X if state.side is HandSide.LEFT else np.ones(3)
        turn = (state.scale * mirror)[:, None] * state.rotation.T
        return PosedHand(
            (vertices @ turn + state.translation).astype(np.float32),
            joints @ turn + state.translation,
            self._triangles[state.side],
        )

    def forearm(self, hand: PosedHand, elbow: Float64Array) -> Tube:
        """Extrude the wrist towards a point that the forearm should head for.

        Args:
            hand: the posed hand.
            elbow: (3,) metres, cam; the arm starts along the hand and bends towards it.
        """
        loop = hand.vertices[self._wrist_loop].astype(np.float64)
        centre = loop.mean(0)
        across = loop - centre
        start = _unit(centre - hand.joints[9])
        goal = _unit(elbow - centre)
        step = _FOREARM_LENGTH_M / (_FOREARM_RINGS - 1)
        rings, position, direction = [], centre, start
        for ring in range(_FOREARM_RINGS):
            share = ring / (_FOREARM_RINGS - 1)
            girth = 1.0 + 0.55 * np.sin(0.5 * np.pi * share)
            bend = _rotation_between(start, direction)
            rings.append(position + girth * across @ bend.T)
            direction = _unit((1.0 - share) * start + share * goal)
            position = position + step * direction
        return _loft(np.stack(rings), outward_from=np.stack([ring.mean(0) for ring in rings]))

    def torso(self, state: HeadState) -> Tube:
        """Neck and shoulders below a head; they follow a third of its turning."""
        lean = _fractional_rotation(state.rotation, 0.3)
        angle = np.arange(_TORSO_SEGMENTS) * (2.0 * np.pi / _TORSO_SEGMENTS)
        # Height below the eyes, half width, half depth, centre behind the eyes; metres.
        profile = np.array(
            [
                [0.105, 0.050, 0.052, 0.098],
                [0.150, 0.052, 0.054, 0.102],
                [0.172, 0.062, 0.060, 0.105],
                [0.188, 0.100, 0.075, 0.108],
                [0.205, 0.150, 0.088, 0.110],
                [0.235, 0.190, 0.098, 0.110],
                [0.300, 0.208, 0.108, 0.108],
                [0.450, 0.205, 0.115, 0.105],
                [0.700, 0.190, 0.115, 0.105],
            ]
        )
        sine, cosine = np.sin(angle), np.cos(angle)
        rings = np.stack(
            [
                np.stack([width * sine, np.full_like(sine, down), back - depth * cosine], axis=1)
                for down, width, depth, back in profile
            ]
        )
        rings = rings @ lean.T + state.translation
        return _loft(rings, outward_from=rings.mean(1))


def _fan_loop(hand: OpenHand) -> Int32Array:
    """Vertices of the wrist's rim in order, from the fan of triangles that closes it."""
    apex = len(hand.template) - 1
    fan = hand.triangles[(hand.triangles == apex).any(1)]
    following = {}
    for triangle in fan:
        place = int(np.flatnonzero(triangle == apex)[0])
        following[int(triangle[(place + 1) % 3])] = int(triangle[(place + 2) % 3])
    loop = [next(iter(following))]
    while len(loop) < len(following):
        loop.append(following[loop[-1]])
    return np.array(loop, dtype=np.int32)


def _loft(rings: Float64Array, outward_from: Float64Array) -> Tube:
    """Join rings (R, S, 3) of points; ``outward_from`` (R, 3) lies inside each ring."""
    count, segments = rings.shape[:2]
    index = np.arange(count * segments).reshape(count, segments)
    after = np.roll(index, -1, axis=1)
    a, b, c, d = (part.ravel() for part in (index[:-1], index[1:], after[1:], after[:-1]))
    triangles = np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])
    first = rings[0, 0], rings[1, 0], rings[1, 1]
    normal = np.cross(first[1] - first[0], first[2] - first[0])
    if normal @ (rings[0, 0] - outward_from[0]) < 0:
        triangles = triangles[:, ::-1]
    along = np.repeat(np.linspace(0.0, 1.0, count), segments)
    return Tube(rings.reshape(-1, 3), np.ascontiguousarray(triangles, dtype=np.int32), along)


def _unit(vector: Float64Array) -> Float64Array:
    return np.asarray(vector / np.linalg.norm(vector))


def _rotation_between(source: Float64Array, target: Float64Array) -> Float64Array:
    """The smallest rotation that turns one unit vector onto another."""
    axis = np.cross(source, target)
    sine = float(np.linalg.norm(axis))
    if sine < 1e-9:
        return np.eye(3)
    return rotation_about(axis / sine, np.arctan2(sine, source @ target))


def _fractional_rotation(rotation: Float64Array, share: float) -> Float64Array:
    return matrix_from_axis_angle(share * axis_angle_from_matrix(rotation))
