"""How the gaps between a face and its hands changed since the image before."""

from __future__ import annotations

from collections.abc import Mapping

from dice_ros.estimators.landmark_fit.person_memory import PersonMemory
from dice_ros.perception.rigid_flow import View
from dice_ros.types import Float32Array, HandSide, PersonObservation


def gap_changes(
    memory: PersonMemory,
    observation: PersonObservation,
    face: Float32Array,
    hands: Mapping[HandSide, Float32Array],
) -> dict[HandSide, float | None]:
    """Compare the pictures of a face and of the hands before it with those of the last image.

    Args:
        memory: of the person, with the hands of this image; the views in it are replaced.
        observation: this image.
        face: (V, 3) float32, metres, cam: skin that is turned to the camera.
        hands: the same of every hand that covers some of it.

    Returns:
        For each of the hands the change of the logarithm of (depth of the face / depth of the
        hand); None if it cannot be told.
    """
    image, camera = observation.frame.image, observation.camera
    views = {side: memory.hands[side].view for side in hands}
    face_change = None
    if memory.face_view is not None and any(view is not None for view in views.values()):
        face_change = memory.face_view.depth_change(image, camera)
    changes: dict[HandSide, float | None] = dict.fromkeys(hands)
    for side, view in views.items():
        if view is None or face_change is None:
            continue
        hand_change = view.depth_change(image, camera)
        if hand_change is not None:
            changes[side] = face_change - hand_change
    memory.face_view = View.of(image, camera, face, tuple(hands.values())) if hands else None
    for side, hand in memory.hands.items():
        hand.view = View.of(image, camera, hands[side]) if side in hands else None
    return changes
