"""Where a face was touched for how long: seconds per vertex, drawn on the person's own head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np

from dice_ros.render.mesh_portrait import VIEWS, draw_portrait
from dice_ros.render.region_palette import rgb
from dice_ros.replay.results_reader import ResultFrame
from dice_ros.types import BoolArray, Face, Float32Array, Float64Array, MeshTopology, UInt8Array

SCALE_COLOURS = ("#e9e6e1", "#f6c65b", "#e8743b", "#b5305a", "#4b1358")
"""From never to longest: lightness falls all the way, so it reads without colour, too."""

_SIZE, _HEIGHT_M, _FINER = (360, 400), 0.30, 2


@dataclass(eq=False)
class _Head:
    """Sums over the frames of one topology; V vertices."""

    dwell_s: Float64Array
    shape: Float64Array
    frames: int = 0
    before: dict[int, BoolArray] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class DwellMap:
    """One head and its touched seconds.

    Attributes:
        topology: of the head.
        vertices: (V, 3) float64, metres, mean undeformed head over the recordings, head frame.
        dwell_s: (V,) float64, seconds during which each vertex was touched, all persons together.
    """

    topology: MeshTopology
    vertices: Float64Array
    dwell_s: Float64Array


class DwellCollector:
    """Adds up touched seconds, frame by frame.

    A vertex touched in a frame counts until the next frame, unless that is farther away than a
    touch outlives the loss of images.

    Args:
        probability_min: from which a vertex counts as touched.
        gap_s: longest time between two frames that counts.
    """

    def __init__(self, probability_min: float, gap_s: float) -> None:
        self._probability_min = probability_min
        self._gap_s = gap_s
        self._heads: dict[str, _Head] = {}
        self._topologies: dict[str, MeshTopology] = {}
        self._stamp_ns: int | None = None

    def begin(self, topologies: Mapping[str, MeshTopology]) -> None:
        """Another recording: what was touched before does not go on."""
        self._topologies.update(topologies)
        self._stamp_ns = None

    def add(self, frame: ResultFrame) -> None:
        """Go on to the next frame."""
        passed_s = 0.0 if self._stamp_ns is None else 1e-9 * (frame.stamp_ns - self._stamp_ns)
        counts = 0.0 < passed_s <= self._gap_s
        self._stamp_ns = frame.stamp_ns
        for head in self._heads.values():
            for touched in head.before.values() if counts else ():
                head.dwell_s[touched] += passed_s
            head.before = {}
        for item in frame.interactions:
            if item.face is not None and item.face.topology in self._topologies:
                self._look(item.person_id, item.face)

    def _look(self, person_id: int, face: Face) -> None:
        count = len(face.vertices)
        head = self._heads.setdefault(face.topology, _Head(np.zeros(count), np.zeros((count, 3))))
        undeformed = face.vertices - face.deformation - face.pose.translation
        head.shape += undeformed @ face.pose.rotation
        head.frames += 1
        touched = face.contact >= self._probability_min
        if touched.any():
            head.before[person_id] = touched

    def result(self) -> DwellMap | None:
        """The head that was seen most often; None if none was."""
        if not self._heads:
            return None
        name, head = max(self._heads.items(), key=lambda item: item[1].frames)
        return DwellMap(self._topologies[name], head.shape / head.frames, head.dwell_s)


def draw_dwell_map(dwell: DwellMap) -> dict[str, UInt8Array]:
    """(H, W, 4) uint8 RGBA pictures from three sides, by title; transparent around the head."""
    scale = max(float(dwell.dwell_s.max()), 1e-9)
    pictures = {}
    fine = (_FINER * _SIZE[0], _FINER * _SIZE[1])
    triangles = dwell.topology.triangles
    for title, rotation in VIEWS.items():
        portrait = draw_portrait(dwell.vertices, triangles, rotation, fine, _HEIGHT_M)
        covered = portrait.seen.covered
        colours = scale_colours(portrait.blend(dwell.dwell_s / scale))
        shade = np.clip(portrait.shade, 0.0, 1.05)[:, None]
        picture = np.zeros((*covered.shape, 4), dtype=np.float32)
        picture[covered, :3] = 255.0 * np.clip(colours * shade, 0.0, 1.0)
        picture[covered, 3] = 255.0
        small = cv2.resize(picture, _SIZE, interpolation=cv2.INTER_AREA)
        alpha = np.maximum(small[..., 3:], 1.0) / 255.0
        small[..., :3] = np.clip(small[..., :3] / alpha, 0.0, 255.0)
        pictures[title] = small.astype(np.uint8)
    return pictures


def scale_colours(share: Float32Array) -> Float32Array:
    """(N, 3) float32 RGB of shares (N,) of the longest time, 0..1."""
    stops = np.array([rgb(colour) for colour in SCALE_COLOURS])
    at = np.linspace(0.0, 1.0, len(stops))
    return np.stack([np.interp(share, at, stops[:, k]) for k in range(3)], axis=1).astype(
        np.float32
    )
