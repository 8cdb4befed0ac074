"""Following hands from frame to frame: regions, sides, duplicates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from dice_ros.perception.hand_landmarks import HandReading
from dice_ros.perception.rotated_box import RotatedBox, bounding_box, hand_region_from_landmarks
from dice_ros.types import Box, HandLandmarks, HandSide

_EVIDENCE_MAX = 12.0
_EVIDENCE_OF_ONE_FRAME_MAX = 4.0
_AMBIGUOUS = 1.5
_SAME_HAND_SHARE = 0.35
_PALM = np.array([0, 5, 9, 13, 17])


@dataclass(frozen=True, slots=True, eq=False)
class HandTrack:
    """One hand that is being followed.

    Attributes:
        track_id: number of the track.
        reading: the newest reading.
        right_evidence: summed log odds that it is a right hand.
    """

    track_id: int
    reading: HandReading
    right_evidence: float

    @staticmethod
    def start(track_id: int, reading: HandReading) -> HandTrack:
        """A track from its first reading."""
        return HandTrack(track_id, reading, _log_odds(reading.right_probability))

    @property
    def region(self) -> RotatedBox:
        """Where to look in the next frame."""
        return hand_region_from_landmarks(self.reading.points)

    @property
    def side(self) -> HandSide:
        """Side by the evidence so far."""
        return HandSide.RIGHT if self.right_evidence > 0 else HandSide.LEFT

    @property
    def strength(self) -> float:
        """How sure the side is."""
        return abs(self.right_evidence)

    def follow(self, reading: HandReading) -> HandTrack:
        """The track after another reading."""
        evidence = self.right_evidence + _log_odds(reading.right_probability)
        return HandTrack(
            self.track_id, reading, float(np.clip(evidence, -_EVIDENCE_MAX, _EVIDENCE_MAX))
        )

    def landmarks(self) -> HandLandmarks:
        """The result for estimators."""
        return HandLandmarks(
            points=self.reading.points,
            world=self.reading.world,
            presence=self.reading.presence,
            right_probability=self.reading.right_probability,
            side=self.side,
            box=bounding_box(self.reading.points),
            track_id=self.track_id,
        )


def palm_size(reading: HandReading) -> float:
    """Extent of the palm in pixels."""
    return float(np.ptp(reading.points[_PALM, :2], axis=0).max())


def hand_centre(reading: HandReading) -> tuple[float, float]:
    """Centre of the palm in pixels."""
    x, y = reading.points[_PALM, :2].mean(axis=0)
    return float(x), float(y)


def is_plausible(reading: HandReading, width: int, height: int, face: Box | None) -> bool:
    """Whether a reading can be a hand: in the image, and of a size that fits the face."""
    x, y = hand_centre(reading)
    margin = 0.1 * max(width, height)
    if not (-margin < x < width + margin and -margin < y < height + margin):
        return False
    extent = float(np.ptp(reading.points[:, :2], axis=0).max())
    if face is None:
        return extent > 8.0
    return 0.15 < extent / max(face.width, face.height) < 4.0


def same_hand(first: HandReading, second: HandReading) -> bool:
    """Whether two readings are of one hand: their landmarks lie on each other."""
    gap = np.linalg.norm(first.points[:, :2] - second.points[:, :2], axis=1).mean()
    return bool(gap < _SAME_HAND_SHARE * max(palm_size(first), palm_size(second)))


def without_duplicates(tracks: Iterable[HandTrack]) -> list[HandTrack]:
    """Older tracks win over younger ones that drifted onto the same hand."""
    kept: list[HandTrack] = []
    for track in sorted(tracks, key=lambda item: item.track_id):
        if not any(same_hand(track.reading, other.reading) for other in kept):
            kept.append(track)
    return kept


def one_of_each_side(tracks: Iterable[HandTrack]) -> list[HandTrack]:
    """At most one left and one right hand.

    Of two hands on the same side the surer one keeps it. The other is taken for the other side if
    its own side is doubtful, and is left out otherwise.
    """
    sides: dict[HandSide, HandTrack] = {}
    for track in sorted(tracks, key=lambda item: (-item.strength, item.track_id)):
        if track.side not in sides:
            sides[track.side] = track
            continue
        flipped = replace(track, right_evidence=-0.1 * track.right_evidence)
        if flipped.side not in sides and track.strength < _AMBIGUOUS:
            sides[flipped.side] = flipped
    return sorted(sides.values(), key=lambda item: item.track_id)


def _log_odds(probability: float) -> float:
    p = float(np.clip(probability, 1e-4, 1.0 - 1e-4))
    odds = np.log(p / (1.0 - p))
    return float(np.clip(odds, -_EVIDENCE_OF_ONE_FRAME_MAX, _EVIDENCE_OF_ONE_FRAME_MAX))
