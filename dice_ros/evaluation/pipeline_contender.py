"""An estimator with meshes of its own, run as on any camera: perception first, then the fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dice_ros.camera import Camera
from dice_ros.datasets.decaf_pictures import DecafPicture
from dice_ros.errors import EstimationError
from dice_ros.evaluation.contender import Round
from dice_ros.evaluation.frame_score import FrameScore
from dice_ros.evaluation.plausibility import plausibility
from dice_ros.evaluation.score_frames import FrameName, FrameScorer, nothing_found
from dice_ros.evaluation.signed_distance import SignedDistance
from dice_ros.pipeline import TOTAL_STAGE, Pipeline
from dice_ros.types import Face, Frame, FrameResult, Hand, HandSide, TouchDecision

_NOTES = (
    "its head and hand are not FLAME and MANO: PVE, MPJPE, PA-MPJPE, contact per vertex and "
    "deformation errors are not defined for it",
    "Col. Dist., Non. Col., Touchness and F-Score are measured on its own meshes (Col. Dist. over "
    "its own number of hand vertices): compare them with other rows with care",
    "frames without a face or a right hand count as not touching; they do not enter Col. Dist. and "
    "Non. Col.",
)


class PipelineContender:
    """Runs perception and an estimator on whole pictures, each on its own.

    Args:
        pipeline: with the estimator; closed with this.
        name: of the estimator.
    """

    needs_pictures = True
    notes = _NOTES

    def __init__(self, pipeline: Pipeline, name: str) -> None:
        self.name = name
        self._pipeline = pipeline
        self._topologies = {item.id: item for item in pipeline.topologies}
        self._distances: dict[str, SignedDistance] = {}

    def close(self) -> None:
        """Free networks and threads."""
        self._pipeline.close()

    def score(self, frames: Round, scorer: FrameScorer) -> list[FrameScore]:
        """Judge frames one by one; what one frame shows is forgotten before the next."""
        touching, contact = scorer.true_touching(frames.truth), frames.truth.any_contact
        scores = []
        for row, picture in enumerate(frames.pictures):
            empty = nothing_found(
                frames.names[row],
                true_touching=bool(touching[row]),
                true_contact=bool(contact[row]),
            )
            scores.append(self._one(empty, frames.names[row], picture, frames.camera))
        return scores

    def _one(
        self, empty: FrameScore, name: FrameName, picture: DecafPicture, camera: Camera
    ) -> FrameScore:
        self._pipeline.reset()
        try:
            result = self._pipeline.process(_frame(name, picture, camera))
        except EstimationError:
            return empty
        seconds = _seconds(result)
        seen = _face_and_right_hand(result)
        if seen is None:
            return replace(empty, seconds=seconds)
        face, hand = seen
        hits = plausibility(
            self._distance(face.topology).measure(face.vertices[None], hand.vertices[None])
        )
        return replace(
            empty,
            found=1.0,
            collision_mm=float(hits.collision_mm[0]),
            colliding_vertices=float(hits.colliding[0]),
            deep_vertices=float(hits.deep[0]),
            touching=float(hits.touching[0]),
            presence_said=float(hand.touch is TouchDecision.CONTACT),
            seconds=seconds,
        )

    def _distance(self, topology: str) -> SignedDistance:
        if topology not in self._distances:
            known = self._topologies[topology]
            self._distances[topology] = SignedDistance(known.triangles, known.vertex_count)
        return self._distances[topology]


def _frame(name: FrameName, picture: DecafPicture, camera: Camera) -> Frame:
    """The whole picture, or the square with its principal point moved along."""
    image = picture.image
    if image is None:
        K = camera.K.copy()
        K[0, 2] -= picture.left
        image = picture.crop
        camera = replace(camera, K=K, width=image.shape[1], height=image.shape[0])
    source = f"{name.subject}/{name.camera}"
    return Frame(np.ascontiguousarray(image), 0, source=source, index=name.index, camera=camera)


def _face_and_right_hand(result: FrameResult) -> tuple[Face, Hand] | None:
    for person in result.interactions:
        hand = next((item for item in person.hands if item.side is HandSide.RIGHT), None)
        if person.face is not None and hand is not None:
            return person.face, hand
    return None


def _seconds(result: FrameResult) -> float:
    return sum(item.duration_ms for item in result.timings if item.stage == TOTAL_STAGE) / 1e3
