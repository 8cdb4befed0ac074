"""What DICE says about one crop, as arrays, and how a mirrored crop is turned back."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dice_ros.body.head_mirror import HeadMirror
from dice_ros.types import Float32Array

_MIRROR_POINT = np.array([-1.0, 1.0, 1.0], dtype=np.float32)
_MIRROR_TURN = np.array([1.0, -1.0, -1.0], dtype=np.float32)
"""An axis-angle vector seen in a mirror: its axis is mirrored and its sense reversed."""

LEFT_RIGHT_LANDMARKS = np.array(
    [
        *range(16, -1, -1),  # jaw line
        *range(26, 16, -1),  # brows
        *range(27, 31),  # bridge of the nose
        *range(35, 30, -1),  # nostrils
        *(45, 44, 43, 42, 47, 46),  # right eye takes from the left
        *(39, 38, 37, 36, 41, 40),
        *range(54, 47, -1),  # outer lips, upper
        *range(59, 54, -1),  # outer lips, lower
        *range(64, 59, -1),  # inner lips, upper
        *range(67, 64, -1),  # inner lips, lower
    ],
    dtype=np.int32,
)
"""(68,) partner of each of the 68 landmarks on the other side of the face."""


@dataclass(frozen=True, slots=True, eq=False)
class CropMeshes:
    """Meshes of one crop, metres, crop frame (x right, y down, z away), centred on the head.

    Attributes:
        pixels_per_metre: scale of the network's camera, crop pixels.
        origin: (2,) float32, crop pixels of the origin.
        presence: probability that hand and face touch.
        head: (5023, 3) float32, undeformed.
        deformation: (5023, 3) float32, deformed minus undeformed.
        face_contact: (5023,) float32, probability.
        landmarks: (68, 3) float32.
        hand: (778, 3) float32.
        joints: (21, 3) float32, wrist, thumb 1-4, index 1-4, ... pinky 1-4.
        hand_contact: (778,) float32, probability.
        face_betas: (100,) float32; face_expression: (50,) float32.
        global_orient: (3,) float32; hand_pose: (45,) float32; hand_betas: (10,) float32.
    """

    pixels_per_metre: float
    origin: Float32Array
    presence: float
    head: Float32Array
    deformation: Float32Array
    face_contact: Float32Array
    landmarks: Float32Array
    hand: Float32Array
    joints: Float32Array
    hand_contact: Float32Array
    face_betas: Float32Array
    face_expression: Float32Array
    global_orient: Float32Array
    hand_pose: Float32Array
    hand_betas: Float32Array

    def is_finite(self) -> bool:
        """Whether every number is one."""
        arrays = (getattr(self, name) for name in self.__slots__)
        return all(bool(np.isfinite(array).all()) for array in arrays)

    def project(self, points: Float32Array) -> Float32Array:
        """(N, 3) metres, crop frame -> (N, 2) crop pixels, as the network pictures them."""
        return np.asarray(np.float32(self.pixels_per_metre) * points[:, :2] + self.origin)


def untouched(meshes: CropMeshes) -> CropMeshes:
    """Without contact and deformation: the network says that nothing touches, or guessed a hand."""
    return replace(
        meshes,
        deformation=np.zeros_like(meshes.deformation),
        face_contact=np.zeros_like(meshes.face_contact),
        hand_contact=np.zeros_like(meshes.hand_contact),
    )


def unmirrored(meshes: CropMeshes, mirror: HeadMirror, crop_side: int) -> CropMeshes:
    """Turn back what was seen in a mirror: a left hand, and the same head.

    The head's vertices are renumbered, so that each is where its name says; the hand's are not,
    because a left hand is the mirror image of a right one vertex by vertex.

    Args:
        meshes: of a mirrored crop.
        mirror: how the head's vertices and coefficients look on the other side.
        crop_side: crop pixels.
    """
    betas, expression = mirror.coefficients(meshes.face_betas, meshes.face_expression)
    origin = np.array([crop_side - meshes.origin[0], meshes.origin[1]], dtype=np.float32)
    return replace(
        meshes,
        origin=origin,
        head=_reflected(meshes.head[mirror.partner]),
        deformation=_reflected(meshes.deformation[mirror.partner]),
        face_contact=meshes.face_contact[mirror.partner],
        landmarks=_reflected(meshes.landmarks[LEFT_RIGHT_LANDMARKS]),
        face_betas=betas,
        face_expression=expression,
        hand=_reflected(meshes.hand),
        joints=_reflected(meshes.joints),
        global_orient=meshes.global_orient * _MIRROR_TURN,
        hand_pose=(meshes.hand_pose.reshape(-1, 3) * _MIRROR_TURN).reshape(-1),
    )


def _reflected(points: Float32Array) -> Float32Array:
    return points * _MIRROR_POINT
