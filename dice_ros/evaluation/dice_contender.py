"""DICE under the published protocol: one square of full picture height a frame, no tracking."""

from __future__ import annotations

import logging
import time

import cv2
import numpy as np

from dice_ros.errors import EstimationError
from dice_ros.estimators.dice.crop_meshes import CropMeshes
from dice_ros.estimators.dice.runner import DiceRunner
from dice_ros.evaluation.compared_frames import FoundFrames
from dice_ros.evaluation.contender import Round
from dice_ros.evaluation.frame_score import FrameScore
from dice_ros.evaluation.score_frames import FrameScorer, nothing_found
from dice_ros.perception.interaction_crop import ImageCut
from dice_ros.types import UInt8Array

_CROP_SIDE = 224
_SYNTHETIC_NOTE = (
    "weights or bodies are stand-ins, not the published ones: these figures mean nothing"
)


class DiceContender:
    """Runs the network on squares shrunk by area, as the published evaluation does.

    Args:
        runner: network and bodies, with the deformation of the neck left in: the published code
            takes it out only after the mesh was built.
        synthetic: weights or bodies are stand-ins.
    """

    needs_pictures = True

    def __init__(self, runner: DiceRunner, *, synthetic: bool) -> None:
        self._runner = runner
        self._warm = False
        self.name = "synthetic" if synthetic else "dice"
        self.notes: tuple[str, ...] = (_SYNTHETIC_NOTE,) if synthetic else ()

    def close(self) -> None:
        """Free the network."""
        self._runner.close()

    def score(self, frames: Round, scorer: FrameScorer) -> list[FrameScore]:
        """Judge one batch; a frame whose result is not finite counts as not found."""
        cuts = [ImageCut.whole(_shrunk(picture.crop)) for picture in frames.pictures]
        try:
            if not self._warm:
                self._runner.run(cuts)  # the first run of a network is no measure of its speed
                self._warm = True
            start = time.perf_counter()
            meshes: list[CropMeshes | None] = [*self._runner.run(cuts)]
            seconds = (time.perf_counter() - start) / max(len(cuts), 1)
        except EstimationError as error:
            if len(cuts) == 1:
                logging.getLogger(__name__).warning("%s: %s", frames.names[0], error)
                return [
                    nothing_found(
                        frames.names[0],
                        true_touching=bool(scorer.true_touching(frames.truth)[0]),
                        true_contact=bool(frames.truth.any_contact[0]),
                    )
                ]
            singles = (_single(frames, row) for row in range(len(cuts)))
            return [score for single in singles for score in self.score(single, scorer)]
        known = [item for item in meshes if item is not None]
        return scorer.score(frames.names, _found(known, seconds), frames.truth)


def _shrunk(crop: UInt8Array) -> UInt8Array:
    small = cv2.resize(crop, (_CROP_SIDE, _CROP_SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8)


def _found(meshes: list[CropMeshes], seconds: float) -> FoundFrames:
    return FoundFrames(
        head=np.stack([item.head for item in meshes]).astype(np.float64),
        deformation=np.stack([item.deformation for item in meshes]).astype(np.float64),
        hand=np.stack([item.hand for item in meshes]).astype(np.float64),
        landmarks=np.stack([item.landmarks for item in meshes]).astype(np.float64),
        joints=np.stack([item.joints for item in meshes]).astype(np.float64),
        head_contact=np.stack([item.face_contact for item in meshes]),
        hand_contact=np.stack([item.hand_contact for item in meshes]),
        presence=np.array([item.presence for item in meshes]),
        seconds=np.full(len(meshes), seconds),
    )


def _single(frames: Round, row: int) -> Round:
    return Round(
        frames.names[row : row + 1],
        frames.pictures[row : row + 1],
        frames.truth.rows(slice(row, row + 1)),
        frames.camera,
    )
