"""What touches cost: regions and contact summaries of two hands, then events, at FLAME's size.

Both hands slide over the face, each with as many vertices in contact as fingertips have; meshes are
the stand-ins (5023 and 778 vertices). Finding which vertices touch is the estimator's work and not
measured here.
"""

from __future__ import annotations

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import argparse
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from machine import machine
from scipy.spatial import cKDTree

from dice_ros.assets.store import require_assets
from dice_ros.body.licensed_bodies import read_licensed_bodies
from dice_ros.body.open_hand import OpenHand
from dice_ros.body.open_head import OpenHead
from dice_ros.body.vertex_normals import vertex_normals
from dice_ros.camera import Camera
from dice_ros.contact.summary import summarise_contacts
from dice_ros.estimators.dice.topologies import DiceTopologies, dice_topologies
from dice_ros.events.observed_time import FaceClock
from dice_ros.events.touch_detector import TouchDetector
from dice_ros.events.touch_statistics import TouchStatistics
from dice_ros.settings import Settings
from dice_ros.synthesis.stand_in_bodies import write_stand_ins
from dice_ros.types import (
    Box,
    Contact,
    ContactSource,
    DeformationSource,
    Face,
    Hand,
    HandSide,
    Interaction,
    MeshTopology,
    Pose,
    ScaleSource,
    TouchDecision,
)

RESULTS = Path(__file__).parent / "results"
TARGET_MS = 1.0
FRAMES, WARM_UP = 2000, 100
PERIOD_NS = 33_333_333
PATCH_VERTICES = (60, 140)
"""Of fingertips pressed into a cheek: 2 to 4 cm^2 of FLAME's skin."""
_TRACKS = {HandSide.RIGHT: ("right_cheek", "mouth"), HandSide.LEFT: ("left_cheek", "chin")}


@dataclass(frozen=True, slots=True, eq=False)
class Touching:
    """What an estimator knows of one hand before contacts are summarised."""

    side: HandSide
    touched: np.ndarray
    probability: np.ndarray
    hand_vertex: np.ndarray
    is_near: bool


def main() -> int:
    """Measure, print, write; returns the exit code, 1 if the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--json", type=Path, default=RESULTS / "events.json")
    options = parser.parse_args()
    topologies, vertices = _meshes()
    normals = vertex_normals(vertices, topologies.head.triangles)
    rng = np.random.default_rng(0)
    summaries_ms, events_ms, patch, told = [], [], [], 0
    detector, clock = TouchDetector(Settings()), FaceClock(Settings())
    statistics = TouchStatistics()
    for number in range(options.frames + WARM_UP):
        hands = [_touching(side, number, topologies, vertices, rng) for side in HandSide]
        deformation = rng.normal(0.0, 1e-3, vertices.shape).astype(np.float32)
        patch += [len(hand.touched) for hand in hands]
        begun = time.perf_counter()
        contacts = _summarise(hands, topologies, vertices, normals, deformation)
        summarised = time.perf_counter()
        interaction = _interaction(number * PERIOD_NS, hands, contacts)
        prepared = time.perf_counter()
        events = detector.update(interaction.stamp_ns, (interaction,))
        clock.update(interaction.stamp_ns, (interaction,))
        for event in events:
            statistics.add(event)
        ended = time.perf_counter()
        told += len(events)
        if number >= WARM_UP:
            summaries_ms.append(1e3 * (summarised - begun))
            events_ms.append(1e3 * (ended - prepared))
    value = {
        "machine": machine(),
        "frames": options.frames,
        "hands": 2,
        "vertices": [topologies.head.vertex_count, topologies.hands[HandSide.RIGHT].vertex_count],
        "touched_vertices_of_a_hand": {"median": float(np.median(patch)), "most": max(patch)},
        "events_told": told,
        "touches": statistics.summary(clock.observed).touches,
        "ms": {
            "contact_summaries": _quantiles(np.array(summaries_ms)),
            "events": _quantiles(np.array(events_ms)),
            "together": _quantiles(np.array(summaries_ms) + np.array(events_ms)),
        },
        "target_together_p50_ms": TARGET_MS,
    }
    print(json.dumps(value, indent=1))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(value, indent=1) + "\n")
    return int(value["ms"]["together"]["p50"] > TARGET_MS)


def _meshes() -> tuple[DiceTopologies, np.ndarray]:
    assets = require_assets()
    head = OpenHead.load(assets / "head.npz")
    with tempfile.TemporaryDirectory() as folder:
        write_stand_ins(Path(folder), head, OpenHand.load(assets / "hand.npz"))
        bodies = read_licensed_bodies(Path(folder))
    return dice_topologies(bodies, head), bodies.flame.template.astype(np.float32)


def _touching(
    side: HandSide,
    number: int,
    topologies: DiceTopologies,
    vertices: np.ndarray,
    rng: np.random.Generator,
) -> Touching:
    """The hand slides to and fro, and leaves the face for a ninth of the time."""
    centre = _centre(side, number, topologies.head, vertices)
    count = int(rng.integers(*PATCH_VERTICES))
    touched = np.sort(cKDTree(vertices).query(centre, k=count)[1]).astype(np.int32)
    tips = np.flatnonzero(np.isin(topologies.hands[side].region_labels, (6, 9, 12)))
    is_near = number % 90 < 80
    return Touching(
        side,
        touched if is_near else touched[:0],
        rng.uniform(0.5, 1.0, count if is_near else 0).astype(np.float32),
        rng.choice(tips, count if is_near else 0).astype(np.int32),
        is_near,
    )


def _centre(side: HandSide, number: int, head: MeshTopology, vertices: np.ndarray) -> np.ndarray:
    ends = [
        vertices[head.region_labels == head.region_names.index(name)].mean(axis=0)
        for name in _TRACKS[side]
    ]
    share = 0.5 - 0.5 * np.cos(2.0 * np.pi * number / 75.0)
    return ends[0] + share * (ends[1] - ends[0])


def _summarise(
    hands: list[Touching],
    topologies: DiceTopologies,
    vertices: np.ndarray,
    normals: np.ndarray,
    deformation: np.ndarray,
) -> tuple[Contact, ...]:
    contacts: list[Contact] = []
    for hand in hands:
        contacts += summarise_contacts(
            hand.side,
            face=topologies.head,
            hand=topologies.hands[hand.side],
            face_vertices=vertices,
            face_normals=normals,
            deformation=deformation,
            touched=hand.touched,
            probability=hand.probability,
            hand_vertex=hand.hand_vertex,
        )
    return tuple(contacts)


def _interaction(
    stamp_ns: int, hands: list[Touching], contacts: tuple[Contact, ...]
) -> Interaction:
    """Only what events look at is filled."""
    rows, nothing = np.zeros((0, 3), np.float32), np.zeros(0, np.float32)
    box = Box(0.0, 0.0, 1.0, 1.0)
    face = Face(
        *(1.0, box, Pose(np.eye(3), np.zeros(3)), "flame-5023", rows, rows, nothing, rows),
        *(np.zeros((0, 2), np.float32), nothing, nothing, 0.0),
    )
    found = tuple(
        Hand(
            *(hand.side, 1.0, box, "mano-778", rows, rows, nothing, 0.9 if hand.is_near else 0.1),
            TouchDecision.CONTACT if hand.is_near else TouchDecision.NO_CONTACT,
            *(nothing, nothing, nothing, nothing, 1.0, 1.0, 0.0),
        )
        for hand in hands
    )
    return Interaction(
        stamp_ns=stamp_ns,
        frame_id="camera",
        person_id=1,
        source="bench",
        face=face,
        hands=found,
        contacts=contacts,
        camera=Camera.assume(640, 480, 1.2),
        scale_source=ScaleSource.NETWORK,
        contact_source=ContactSource.NETWORK,
        deformation_source=DeformationSource.NETWORK,
    )


def _quantiles(ms: np.ndarray) -> dict[str, float]:
    return {name: round(float(np.percentile(ms, q)), 4) for name, q in (("p50", 50), ("p99", 99))}


if __name__ == "__main__":
    sys.exit(main())
