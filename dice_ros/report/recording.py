"""What a report says about one recording: its touches, and how far they may be trusted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dice_ros.events.observed_time import FaceClock, ObservedTime
from dice_ros.events.touch_list import TouchList
from dice_ros.replay.results_reader import (
    ResultFrame,
    read_frames,
    read_topologies,
    read_touch_events,
    result_cameras,
)
from dice_ros.replay.touch_recount import recount_touches
from dice_ros.report.dwell_map import DwellCollector
from dice_ros.settings import Settings


@dataclass(frozen=True, slots=True, eq=False)
class Provenance:
    """How results came about.

    Attributes:
        frames: answered images.
        faces: images with at least one face.
        assumed: interactions whose camera calibration was guessed.
        interactions: all of them: one for each person in each image.
        sources, contact_sources, deformation_sources, scale_sources: names and how often.
        dropped: images that gave no result, by reason; None if nobody wrote it down.
    """

    frames: int
    faces: int
    assumed: int
    interactions: int
    sources: Mapping[str, int]
    contact_sources: Mapping[str, int]
    deformation_sources: Mapping[str, int]
    scale_sources: Mapping[str, int]
    dropped: Mapping[str, int] | None


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """One camera of one results file.

    Attributes:
        path: the file.
        touches: finished touches.
        observed: how long faces were watched.
        provenance: how the results came about.
        stamps_ns: stamps of all answered images, in their order.
        recounted: whether touches were counted now, because the file holds none.
    """

    path: Path
    touches: TouchList
    observed: ObservedTime
    provenance: Provenance
    stamps_ns: tuple[int, ...]
    recounted: bool


def read_recordings(
    path: Path, settings: Settings, dwell: DwellCollector, title: str = ""
) -> list[Recording]:
    """Read every camera of a results file, once.

    Args:
        path: the results.
        settings: ``touch_*`` are used.
        dwell: is told every frame.
        title: of the recording; empty for the name of the file.

    Raises:
        InputError: the file is missing or damaged.
    """
    topologies = read_topologies(path)
    cameras = result_cameras(path)
    recordings = []
    for camera in cameras:
        dwell.begin(topologies)
        clock, survey, stamps = FaceClock(settings), _Survey(), []
        for frame in read_frames(path, camera):
            clock.update(frame.stamp_ns, frame.interactions)
            dwell.add(frame)
            survey.add(frame)
            stamps.append(frame.stamp_ns)
        events = list(read_touch_events(path, camera))
        recounted = not events
        if recounted:
            events = list(recount_touches(path, settings, camera))
        observed = clock.observed
        name = (title or path.name) + (f" {camera}" if len(cameras) > 1 else "")
        recordings.append(
            Recording(
                path=path,
                touches=TouchList.of(name, observed.start_ns, observed.end_ns, events),
                observed=observed,
                provenance=survey.provenance(dropped_frames(path)),
                stamps_ns=tuple(stamps),
                recounted=recounted and bool(events),
            )
        )
    return recordings


def dropped_frames(results: Path) -> dict[str, int] | None:
    """Images without a result, by reason, from the summary that lies beside results."""
    for beside in (
        results.with_name(results.name + ".summary.json"),
        results.parent / "summary.json",
    ):
        try:
            summary = json.loads(beside.read_text())
            counts: Counter[str] = Counter(summary.get("drops", {}))
            for camera in summary.get("cameras", []):
                counts.update(camera["reasons"])
            return dict(counts)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
    return None


class _Survey:
    """Counts of where results come from."""

    def __init__(self) -> None:
        self._frames = self._faces = self._assumed = self._interactions = 0
        self._names: tuple[Counter[str], ...] = (Counter(), Counter(), Counter(), Counter())

    def add(self, frame: ResultFrame) -> None:
        self._frames += 1
        self._faces += any(item.face is not None for item in frame.interactions)
        for item in frame.interactions:
            self._interactions += 1
            self._assumed += item.camera.assumed
            names = (
                item.source,
                item.contact_source.value,
                item.deformation_source.value,
                item.scale_source.value,
            )
            for counter, name in zip(self._names, names, strict=True):
                counter[name] += 1

    def provenance(self, dropped: dict[str, int] | None) -> Provenance:
        sources, contacts, deformations, scales = self._names
        return Provenance(
            self._frames,
            self._faces,
            self._assumed,
            self._interactions,
            sources,
            contacts,
            deformations,
            scales,
            dropped,
        )
