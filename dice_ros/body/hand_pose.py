"""Posing the open right hand with 21 joint angles: forward kinematics, Jacobian, skinning.

Angles, radians, in this order:

- 0-2 thumb base: flexion, abduction, twist; 3 thumb joint 2, 4 thumb joint 3 (hinges);
- then for index, middle, ring, pinky four each: base flexion, base abduction, middle joint, end
  joint.

Positive flexion bends a finger towards the palm; positive abduction turns it towards the thumb.
All angles zero is the rest pose of the mesh.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dice_ros.body.open_hand import OpenHand
from dice_ros.body.rotation import rotation_about
from dice_ros.types import Float32Array, Float64Array

ANGLE_COUNT = 21
FINGER_JOINTS = np.arange(1, 21).reshape(5, 4)
"""(5, 4) joint numbers: thumb, index, middle, ring, pinky x base to tip."""

_TWIST, _SLOTS = 2, 5
# Internally each finger has five slots (base flexion, abduction, twist, middle, end); only the
# thumb has a twist, so that one rule poses all five fingers at once.
_ANGLE_SLOTS = np.concatenate(
    [np.arange(5), *(finger * _SLOTS + np.array([0, 1, 3, 4]) for finger in range(1, 5))]
)
_SLOT_LEVEL = np.array([0, 0, 0, 1, 2])


@dataclass(frozen=True, slots=True, eq=False)
class PosedJoints:
    """Joints of a posed hand, hand frame.

    Attributes:
        joints: (21, 3) float64, metres.
        jacobian: (21, 3, 21) float64, metres per radian: joint, axis, angle.
        bone_rotations: (16, 3, 3) float64, palm first, then 3 bones for each finger.
    """

    joints: Float64Array
    jacobian: Float64Array
    bone_rotations: Float64Array


class HandPoser:
    """Poses the open right hand; see the module's text for the angles.

    Args:
        hand: the rest mesh and skeleton.
    """

    def __init__(self, hand: OpenHand) -> None:
        self.hand = hand
        self._rest_joints = hand.joints.astype(np.float64)
        self._axes = _joint_axes(self._rest_joints)
        self._weights = hand.weights
        self._bone_pivots = np.concatenate([[0], FINGER_JOINTS[:, :3].ravel()])

    @property
    def palm_normal(self) -> Float64Array:
        """(3,) unit vector out of the palm in the rest pose, hand frame."""
        return _palm_normal(self._rest_joints)

    def rest_joints(self, betas: NDArray[np.floating] | None = None) -> Float64Array:
        """(21, 3) float64 metres: joints of the rest pose for given shape coefficients (3,)."""
        if betas is None:
            return self._rest_joints
        return self._rest_joints + np.tensordot(betas, self.hand.joint_shape_basis, axes=1)

    def joints(
        self, angles: NDArray[np.floating], betas: NDArray[np.floating] | None = None
    ) -> PosedJoints:
        """Forward kinematics.

        Args:
            angles: (21,) radians.
            betas: (3,) shape coefficients; None for the mean hand.
        """
        return self._pose_points(angles, self.rest_joints(betas), np.zeros((21, 3)))

    def points(self, angles: NDArray[np.floating], offsets: Float64Array) -> PosedJoints:
        """Points that ride on the bones beside the joints.

        Args:
            angles: (21,) radians.
            offsets: (21, 3) metres in the rest pose, from each joint; a point moves with the bone
                that ends in its joint, those of the wrist and the finger bases with the palm.
        """
        return self._pose_points(angles, self._rest_joints, offsets)

    def _pose_points(
        self, angles: NDArray[np.floating], rest: Float64Array, offsets: Float64Array
    ) -> PosedJoints:
        slots = np.zeros(5 * _SLOTS)
        slots[_ANGLE_SLOTS] = angles
        turn = rotation_about(self._axes, slots.reshape(5, _SLOTS))  # (5, 5, 3, 3)
        abduct_flex = turn[:, 1] @ turn[:, 0]
        base = abduct_flex @ turn[:, _TWIST]
        middle = base @ turn[:, 3]
        end = middle @ turn[:, 4]
        rotations = np.stack([base, middle, end], axis=1)  # (5, 3, 3, 3)

        chain = rest[FINGER_JOINTS]  # (5, 4, 3)
        bones = np.einsum("flij,flj->fli", rotations, np.diff(chain, axis=1))
        posed = np.concatenate([chain[:, :1], chain[:, :1] + np.cumsum(bones, axis=1)], axis=1)

        axes = np.empty((5, _SLOTS, 3))
        axes[:, 0] = np.einsum("fij,fj->fi", turn[:, 1], self._axes[:, 0])
        axes[:, 1] = self._axes[:, 1]
        axes[:, 2] = np.einsum("fij,fj->fi", abduct_flex, self._axes[:, _TWIST])
        axes[:, 3] = np.einsum("fij,fj->fi", base, self._axes[:, 3])
        axes[:, 4] = np.einsum("fij,fj->fi", middle, self._axes[:, 4])

        pivots = posed[:, _SLOT_LEVEL]  # (5, 5, 3)
        riding = offsets[FINGER_JOINTS]
        points = posed + riding
        points[:, 1:] = posed[:, 1:] + np.einsum("flij,flj->fli", rotations, riding[:, 1:])
        levers = points[:, :, None] - pivots[:, None]  # (5, 4 points, 5 slots, 3)
        moves = np.cross(axes[:, None], levers)
        moves *= (np.arange(4)[:, None] > _SLOT_LEVEL)[None, :, :, None]
        jacobian = np.zeros((21, 3, 5 * _SLOTS))
        for finger in range(5):
            columns = slice(finger * _SLOTS, (finger + 1) * _SLOTS)
            jacobian[FINGER_JOINTS[finger], :, columns] = moves[finger].transpose(0, 2, 1)

        joints = np.concatenate([rest[:1] + offsets[:1], points.reshape(20, 3)])
        bone_rotations = np.concatenate([np.eye(3)[None], rotations.reshape(15, 3, 3)])
        return PosedJoints(joints, jacobian[:, :, _ANGLE_SLOTS], bone_rotations)

    def vertices(
        self,
        posed: PosedJoints,
        betas: NDArray[np.floating] | None = None,
    ) -> Float32Array:
        """Skin the mesh with a posed skeleton (linear blend skinning).

        Returns:
            (V, 3) float32, metres, hand frame.
        """
        template = self.hand.template
        if betas is not None:
            shape_basis = self.hand.shape_basis
            template = template + np.tensordot(
                np.asarray(betas, dtype=np.float32), shape_basis, axes=1
            )
        rest = self.rest_joints(betas)[self._bone_pivots]
        offsets = posed.joints[self._bone_pivots] - np.einsum(
            "bij,bj->bi", posed.bone_rotations, rest
        )
        transforms = np.concatenate([posed.bone_rotations, offsets[:, :, None]], axis=2)
        blended = self._weights @ transforms.reshape(16, 12).astype(np.float32)
        blended = blended.reshape(-1, 3, 4)
        skinned = np.einsum("vij,vj->vi", blended[:, :, :3], template) + blended[:, :, 3]
        return np.asarray(skinned, dtype=np.float32)

    def pose(
        self, angles: NDArray[np.floating], betas: NDArray[np.floating] | None = None
    ) -> tuple[Float32Array, Float64Array]:
        """Vertices (V, 3) float32 and joints (21, 3) float64, metres, hand frame."""
        posed = self.joints(angles, betas)
        return self.vertices(posed, betas), posed.joints


def _palm_normal(joints: Float64Array) -> Float64Array:
    normal = np.cross(joints[5] - joints[0], joints[17] - joints[0])
    return np.asarray(normal / np.linalg.norm(normal))


def _unit(vectors: Float64Array) -> Float64Array:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def _joint_axes(joints: Float64Array) -> Float64Array:
    """(5, 5, 3) unit rotation axes of every slot in the rest pose, hand frame."""
    directions = _unit(np.diff(joints[FINGER_JOINTS], axis=1))  # (5, 3, 3)
    palm = _palm_normal(joints)
    palmar = np.tile(palm, (5, 1))
    palmar[0] = _thumb_palmar(joints, palm)
    flexion = _unit(np.cross(directions, palmar[:, None]))  # (5, 3, 3)
    axes = np.empty((5, _SLOTS, 3))
    axes[:, 0] = flexion[:, 0]
    axes[:, 1] = _unit(np.cross(directions[:, 0], flexion[:, 0]))
    axes[:, 2] = directions[:, 0]
    axes[:, 3] = flexion[:, 1]
    axes[:, 4] = flexion[:, 2]
    return axes


def _thumb_palmar(joints: Float64Array, palm: Float64Array) -> Float64Array:
    """Direction the thumb's pad faces at rest: half out of the palm, half towards the fingers.

    The thumb is turned against the fingers, so that its hinges bend it across the palm.
    """
    along = _unit(joints[3] - joints[2])
    across = joints[17] - joints[5]
    across = _unit(across - along * (across @ along))
    out = _unit(palm - along * (palm @ along))
    return _unit(across + 0.6 * out)
