"""What one frame adds to the table: one line of the per-frame file."""

from __future__ import annotations

from dataclasses import dataclass

NAN = float("nan")


@dataclass(frozen=True, slots=True)
class FrameScore:
    """NaN where a figure is not defined: the method does not say, or nothing was found.

    Attributes:
        subject, camera, frame: which frame.
        found: 1 if the method gave a result, else 0.
        pve_mm, mpjpe_mm, pa_mpjpe_mm: reconstruction errors.
        collision_mm: depth of the hand in the head, mean over the hand's vertices.
        colliding_vertices, deep_vertices: below the surface; at least 5 mm below it.
        touching, true_touching: 1 if hand and head touch, as found and in truth.
        deformation_mm: error of the head's deformation.
        strong_deformation_mm, strong_vertices: summed error where the true deformation exceeds
            5 mm, and how many vertices that are.
        face_true_positive ... hand_true_negative: contact vertices.
        presence_said, presence_true: 1 if a touch was reported; if there is any contact label.
        seconds: run time.
    """

    subject: str
    camera: str
    frame: int
    found: float = 1.0
    pve_mm: float = NAN
    mpjpe_mm: float = NAN
    pa_mpjpe_mm: float = NAN
    collision_mm: float = NAN
    colliding_vertices: float = NAN
    deep_vertices: float = NAN
    touching: float = NAN
    true_touching: float = NAN
    deformation_mm: float = NAN
    strong_deformation_mm: float = NAN
    strong_vertices: float = NAN
    face_true_positive: float = NAN
    face_false_positive: float = NAN
    face_false_negative: float = NAN
    face_true_negative: float = NAN
    hand_true_positive: float = NAN
    hand_false_positive: float = NAN
    hand_false_negative: float = NAN
    hand_true_negative: float = NAN
    presence_said: float = NAN
    presence_true: float = NAN
    seconds: float = NAN
