"""From fitted models to the package's result types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dice_ros.body.rotation import axis_angle_from_matrix
from dice_ros.contact.proximity import Proximity
from dice_ros.estimators.landmark_fit.hand_fit import HandFit
from dice_ros.estimators.landmark_fit.head_fit import HeadFit
from dice_ros.types import (
    Face,
    FaceLandmarks,
    Float32Array,
    Float64Array,
    Hand,
    HandLandmarks,
    MeshTopology,
    TouchDecision,
)


@dataclass(frozen=True, slots=True, eq=False)
class PlacedHand:
    """A fitted hand whose depth is decided.

    Attributes:
        landmarks: what the network saw.
        fit: the fit before it was slid.
        vertices: (V, 3) float32 metres, cam.
        joints: (21, 3) float32 metres, cam.
        depth_ratio: factor by which it was slid along its viewing rays.
        presence: probability that it touches.
        touch: the decision made from it.
        pixels_per_metre: focal length over depth, pixels for a metre at the hand.
    """

    landmarks: HandLandmarks
    fit: HandFit
    vertices: Float32Array
    joints: Float32Array
    depth_ratio: float
    presence: float
    touch: TouchDecision
    pixels_per_metre: float

    @property
    def may_touch(self) -> bool:
        """Whether contact is worth computing."""
        return self.touch in (TouchDecision.CONTACT, TouchDecision.UNCERTAIN)


def hand_result(hand: PlacedHand, topology: MeshTopology, touch: Proximity | None) -> Hand:
    """The result for one hand; ``touch`` is None where it cannot touch."""
    contact = np.zeros(topology.vertex_count, dtype=np.float32)
    if touch is not None:
        contact = np.float32(hand.presence) * touch.hand
    return Hand(
        side=hand.fit.side,
        confidence=hand.landmarks.presence,
        box=hand.landmarks.box,
        topology=topology.id,
        vertices=hand.vertices,
        joints=hand.joints,
        contact=contact,
        contact_presence=hand.presence,
        touch=hand.touch,
        global_orient=axis_angle_from_matrix(_unmirrored(hand.fit)).astype(np.float32),
        transl=hand.joints[0],
        hand_pose=hand.fit.angles.astype(np.float32),
        betas=np.zeros(0, dtype=np.float32),
        scale=hand.fit.scale * hand.depth_ratio,
        depth_ratio=hand.depth_ratio,
        fit_rms_px=hand.fit.rms_m * hand.pixels_per_metre,
    )


def face_contact(
    hands: Sequence[PlacedHand], touches: Sequence[Proximity | None], vertex_count: int
) -> Float32Array:
    """(V,) contact probability of the face: that of the hand most likely to touch each vertex."""
    contact = np.zeros(vertex_count, dtype=np.float32)
    for hand, touch in zip(hands, touches, strict=True):
        if touch is not None:
            np.maximum(contact, np.float32(hand.presence) * touch.face, out=contact)
    return contact


def face_result(
    landmarks: FaceLandmarks,
    fit: HeadFit,
    topology: MeshTopology,
    *,
    vertices: Float32Array,
    deformation: Float32Array,
    contact: Float32Array,
    landmarks_cam: Float32Array,
) -> Face:
    """The result for the head."""
    return Face(
        confidence=landmarks.score,
        box=landmarks.box,
        pose=fit.pose,
        topology=topology.id,
        vertices=vertices,
        deformation=deformation,
        contact=contact,
        landmarks=landmarks_cam,
        landmarks_image=np.ascontiguousarray(landmarks.points[:, :2]),
        betas=fit.betas.astype(np.float32),
        expression=fit.expression.astype(np.float32),
        fit_rms_px=fit.rms_px,
    )


def _unmirrored(fit: HandFit) -> Float64Array:
    """Rotation of the hand's own (left or right) model: M R M for a mirrored fit."""
    return np.asarray(fit.mirror[:, None] * fit.rotation * fit.mirror)
