"""Scoring frames as the published evaluation does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dice_ros.evaluation.compared_frames import FoundFrames, TrueFrames
from dice_ros.evaluation.contact_scores import CONTACT_PROBABILITY_MIN, ContactScores
from dice_ros.evaluation.frame_score import FrameScore
from dice_ros.evaluation.mesh_errors import (
    large_deformation_error_mm,
    similarity_aligned_error_mm,
    vertex_error_mm,
)
from dice_ros.evaluation.plausibility import plausibility
from dice_ros.evaluation.signed_distance import SignedDistance
from dice_ros.types import Float64Array

PRESENCE_MIN = 0.5


@dataclass(frozen=True, slots=True)
class FrameName:
    """Which frame of a data set."""

    subject: str
    camera: str
    index: int


class FrameScorer:
    """Scores meshes in FLAME's and MANO's topology.

    Args:
        triangles: (9976, 3) of the head.
        still: vertices of the neck, whose deformation is not judged.
        vertex_count: of the head.
    """

    def __init__(
        self, triangles: NDArray[np.integer], still: NDArray[np.integer], vertex_count: int
    ) -> None:
        self._distance = SignedDistance(triangles, vertex_count)
        self._still = still

    def true_touching(self, truth: TrueFrames) -> NDArray[np.bool_]:
        """(N,) whether the true hand touches the true deformed head."""
        distances = self._distance.measure(truth.head + truth.deformation, truth.hand)
        return plausibility(distances).touching

    def score(
        self, names: Sequence[FrameName], found: FoundFrames, truth: TrueFrames
    ) -> list[FrameScore]:
        """Score frames; all three arguments have the same length N.

        Raises:
            ValueError: a number is not finite.
        """
        errors = reconstruction_errors(found, truth)
        hits = plausibility(self._distance.measure(found.head + found.deformation, found.hand))
        touching = self.true_touching(truth)
        moved = found.deformation.copy()
        moved[:, self._still] = 0.0
        deformation = vertex_error_mm(moved, truth.deformation)
        strong, strong_count = large_deformation_error_mm(moved, truth.deformation)
        any_contact = truth.any_contact
        return [
            FrameScore(
                name.subject,
                name.camera,
                name.index,
                pve_mm=float(errors.pve_mm[row]),
                mpjpe_mm=float(errors.mpjpe_mm[row]),
                pa_mpjpe_mm=float(errors.pa_mpjpe_mm[row]),
                collision_mm=float(hits.collision_mm[row]),
                colliding_vertices=float(hits.colliding[row]),
                deep_vertices=float(hits.deep[row]),
                touching=float(hits.touching[row]),
                true_touching=float(touching[row]),
                deformation_mm=float(deformation[row]),
                strong_deformation_mm=float(strong[row]),
                strong_vertices=float(strong_count[row]),
                presence_true=float(any_contact[row]),
                presence_said=_said(found.presence, row),
                seconds=_number(found.seconds, row),
                **_contacts("face", found.head_contact, truth.head_contact, row),
                **_contacts("hand", found.hand_contact, truth.hand_contact, row),
            )
            for row, name in enumerate(names)
        ]


@dataclass(frozen=True, slots=True, eq=False)
class ReconstructionErrors:
    """PVE, MPJPE and PA-MPJPE of each frame: (N,) mm, NaN where keypoints are not known."""

    pve_mm: Float64Array
    mpjpe_mm: Float64Array
    pa_mpjpe_mm: Float64Array


def reconstruction_errors(found: FoundFrames, truth: TrueFrames) -> ReconstructionErrors:
    """Errors after moving both heads to the origin; nothing is turned or resized.

    Head, hand and keypoints of the truth move by the mean of the true **deformed** head; those
    found by the mean of the found **undeformed** head. Deformation is added afterwards.
    """
    true_origin = (truth.head + truth.deformation).mean(axis=1, keepdims=True)
    found_origin = found.head.mean(axis=1, keepdims=True)
    pve = vertex_error_mm(
        np.concatenate([found.head + found.deformation, found.hand], axis=1) - found_origin,
        np.concatenate([truth.head + truth.deformation, truth.hand], axis=1) - true_origin,
    )
    if found.landmarks is None or found.joints is None:
        unknown = np.full(len(pve), np.nan)
        return ReconstructionErrors(pve, unknown, unknown)
    said = np.concatenate([found.landmarks, found.joints], axis=1) - found_origin
    true = np.concatenate([truth.landmarks, truth.joints], axis=1) - true_origin
    return ReconstructionErrors(
        pve, vertex_error_mm(said, true), similarity_aligned_error_mm(said, true)
    )


def nothing_found(
    name: FrameName, *, true_touching: bool, true_contact: bool, says_presence: bool = True
) -> FrameScore:
    """The score of a frame for which a method has no result: it touches nothing.

    Args:
        name: which frame.
        true_touching: whether the true meshes touch.
        true_contact: whether any contact is labelled.
        says_presence: False for methods that never say whether there is a touch.
    """
    return FrameScore(
        name.subject,
        name.camera,
        name.index,
        found=0.0,
        touching=0.0,
        true_touching=float(true_touching),
        presence_said=0.0 if says_presence else np.nan,
        presence_true=float(true_contact),
    )


def _contacts(
    part: str, found: NDArray[np.floating] | None, true: NDArray[np.bool_], row: int
) -> dict[str, float]:
    if found is None:
        return {}
    scores = ContactScores.count(found[row] >= CONTACT_PROBABILITY_MIN, true[row])
    kinds = ("true_positive", "false_positive", "false_negative", "true_negative")
    return {f"{part}_{kind}": float(getattr(scores, kind)) for kind in kinds}


def _said(presence: NDArray[np.floating] | None, row: int) -> float:
    return np.nan if presence is None else float(presence[row] >= PRESENCE_MIN)


def _number(values: NDArray[np.floating] | None, row: int) -> float:
    return np.nan if values is None else float(values[row])
