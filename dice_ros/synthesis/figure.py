"""Meshes of a posed person in the camera frame: the head, the hands, and sleeves and shoulders.

Forearms and shoulders are there so that pictures look like people (detectors were trained on
people); they are not part of any ground truth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dice_ros.body.hand_pose import HandPoser
from dice_ros.body.open_hand import OpenHand
from dice_ros.body.open_head import OpenHead
from dice_ros.synthesis.extrusion import (
    ArmPath,
    Tube,
    boundary_loop,
    extrude_arm,
    extrude_torso,
    shoulder_of,
)
from dice_ros.synthesis.scene import HandState, HeadState
from dice_ros.types import Float32Array, Float64Array, HandSide, Int32Array

_MIRROR_X = np.array([-1.0, 1.0, 1.0])


@dataclass(frozen=True, slots=True, eq=False)
class PosedHand:
    """A hand in the camera frame.

    Attributes:
        side: which hand.
        vertices: (V, 3) float32, metres, cam.
        joints: (21, 3) float64, metres, cam.
        triangles: (F, 3) int32, counter-clockwise seen from outside, for this side.
    """

    side: HandSide
    vertices: Float32Array
    joints: Float64Array
    triangles: Int32Array


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
        self._drawn_triangles = {
            side: _without_fan(triangles, len(hand.template))
            for side, triangles in self._triangles.items()
        }
        self._wrist_rims = {
            side: boundary_loop(triangles) for side, triangles in self._drawn_triangles.items()
        }
        self._neck_rim = boundary_loop(head.triangles)

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
            state.side,
            (vertices @ turn + state.translation).astype(np.float32),
            joints @ turn + state.translation,
            self._triangles[state.side],
        )

    def open_triangles(self, hand: PosedHand) -> Int32Array:
        """(F', 3) triangles of a hand without the lid on its wrist, for drawing with a forearm."""
        return self._drawn_triangles[hand.side]

    def forearm(self, hand: PosedHand, elbow: Float64Array) -> Tube:
        """The wrist carried on to the elbow.

        Args:
            hand: the posed hand.
            elbow: (3,) metres, cam; the arm starts along the hand and bends towards it.
        """
        rim = self._wrist_rims[hand.side]
        return extrude_arm(hand.vertices, rim, hand.joints[9], ArmPath(elbow))

    def arm(self, hand: PosedHand, elbow: Float64Array, head: HeadState) -> Tube:
        """The whole arm, up to the shoulder of a head's body."""
        outward = -1.0 if hand.side is HandSide.RIGHT else 1.0
        rim = self._wrist_rims[hand.side]
        path = ArmPath(elbow, shoulder_of(head, outward))
        return extrude_arm(hand.vertices, rim, hand.joints[9], path)

    def torso(self, state: HeadState, vertices: NDArray[np.floating]) -> Tube:
        """Neck and shoulders below a head; they follow a third of its turning.

        Args:
            state: pose of the head.
            vertices: (V, 3) metres, cam, of the head.
        """
        return extrude_torso(vertices, self._neck_rim, state)


def _without_fan(triangles: Int32Array, vertex_count: int) -> Int32Array:
    """Triangles without the fan that closes the wrist; its apex is the last vertex."""
    return np.asarray(triangles[(triangles != vertex_count - 1).all(1)])
