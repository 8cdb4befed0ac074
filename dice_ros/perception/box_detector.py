"""Single-shot box detectors: anchors, decoding, weighted non-maximum suppression.

The rules are those of MediaPipe's face and palm detectors: anchors are unit boxes at the centres of
one or two grids, the network gives offsets in input pixels, and overlapping boxes are averaged by
score.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from dice_ros.perception.litert import LiteRtNetwork, sigmoid
from dice_ros.perception.rotated_box import RotatedBox
from dice_ros.types import Box, Float32Array, UInt8Array

_SAME_OBJECT_IOU = 0.3
_SHRINK_FIRST = 2.0


@dataclass(frozen=True, slots=True)
class AnchorGrid:
    """Anchors of one layer: ``cells`` x ``cells`` cells with ``per_cell`` anchors each."""

    cells: int
    per_cell: int


@dataclass(frozen=True, slots=True)
class DetectorSpec:
    """What distinguishes one detector from another.

    Attributes:
        grids: anchors, in the order of the network's rows.
        boxes, scores: names of the outputs.
        low, high: values that black and white take in the input.
    """

    grids: tuple[AnchorGrid, ...]
    boxes: str
    scores: str
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """One found object, image pixels.

    Attributes:
        score: 0..1.
        box: bounding box.
        keypoints: (K, 2) float32.
    """

    score: float
    box: Box
    keypoints: Float32Array


class BoxDetector:
    """Finds objects of one kind.

    Args:
        network: the detector's network.
        spec: its anchors and outputs.
    """

    def __init__(self, network: LiteRtNetwork, spec: DetectorSpec) -> None:
        self._network = network
        self._spec = spec
        self._side = network.input_shape[1]
        self._anchors = _anchor_centres(spec.grids)

    def detect(
        self, image: UInt8Array, region: RotatedBox, score_min: float
    ) -> tuple[Detection, ...]:
        """Find objects in a region of an image, best first.

        Args:
            image: (H, W, 3) uint8 RGB.
            region: where to look; what lies beyond the image is black.
            score_min: lower scores are not reported.
        """
        crop = self._look(image, region)
        outputs = self._network.run(crop)
        scores = sigmoid(outputs[self._spec.scores].reshape(-1))
        kept = np.flatnonzero(scores >= score_min)
        if not len(kept):
            return ()
        raw = outputs[self._spec.boxes].reshape(len(scores), -1)[kept] / self._side
        size = raw[:, 2:4]
        points = raw.reshape(len(kept), -1, 2)  # centre, size, K keypoints
        points = points + self._anchors[kept, None]
        centre, keypoints = points[:, 0], points[:, 2:]
        merged = _merge(
            np.asarray(np.hstack([centre - 0.5 * size, centre + 0.5 * size]), dtype=np.float32),
            np.asarray(keypoints.reshape(len(kept), -1), dtype=np.float32),
            scores[kept],
        )
        return tuple(self._to_image(score, values, region) for score, values in merged)

    def close(self) -> None:
        """Free the network."""
        self._network.close()

    def _look(self, image: UInt8Array, region: RotatedBox) -> Float32Array:
        scale = self._side / region.side
        sharp = int(self._side * _SHRINK_FIRST) if scale < 0.5 else self._side
        M = np.array([[1.0, 0.0, -region.x], [0.0, 1.0, -region.y]]) * (sharp / region.side)
        M[:, 2] += 0.5 * sharp
        crop = cv2.warpAffine(image, M, (sharp, sharp), flags=cv2.INTER_LINEAR)
        if sharp != self._side:
            crop = cv2.resize(crop, (self._side, self._side), interpolation=cv2.INTER_AREA)
        gain = np.float32((self._spec.high - self._spec.low) / 255.0)
        scaled = crop.astype(np.float32) * gain + np.float32(self._spec.low)
        return np.asarray(scaled[None], dtype=np.float32)

    def _to_image(self, score: float, values: Float32Array, region: RotatedBox) -> Detection:
        """From shares of the region, corners first, to image pixels."""
        corner = np.array([region.x, region.y]) - 0.5 * region.side
        points = values.reshape(-1, 2) * region.side + corner
        size = points[1] - points[0]
        box = Box(float(points[0, 0]), float(points[0, 1]), float(size[0]), float(size[1]))
        return Detection(score, box, points[2:].astype(np.float32))


def _anchor_centres(grids: tuple[AnchorGrid, ...]) -> Float32Array:
    """(A, 2) centres as shares of the input, row-major, anchors of one cell adjacent."""
    centres = []
    for grid in grids:
        steps = (np.arange(grid.cells) + 0.5) / grid.cells
        y, x = np.meshgrid(steps, steps, indexing="ij")
        centres.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), grid.per_cell, axis=0))
    return np.concatenate(centres).astype(np.float32)


def _merge(
    corners: Float32Array, keypoints: Float32Array, scores: Float32Array
) -> list[tuple[float, Float32Array]]:
    """Average overlapping boxes by score; (score of the best, corners and keypoints) each."""
    merged = []
    order = np.argsort(-scores, kind="stable")
    values = np.concatenate([corners, keypoints], axis=1)
    while len(order):
        best = order[0]
        same = _overlap(corners[best], corners[order]) > _SAME_OBJECT_IOU
        same[0] = True
        group = order[same]
        weight = scores[group] / scores[group].sum()
        merged.append((float(scores[best]), weight @ values[group]))
        order = order[~same]
    return merged


def _overlap(box: Float32Array, boxes: Float32Array) -> Float32Array:
    """Intersection over union of one box with (N, 4) boxes given by their corners."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = np.clip(high - low, 0.0, None).prod(axis=1)
    union = (box[2:] - box[:2]).prod() + (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) - shared
    return np.asarray(shared / np.maximum(union, 1e-12))
