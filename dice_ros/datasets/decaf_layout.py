"""Where the Decaf data set keeps what: names, sizes, splits.

Lengths are metres, angles radians, pixels those of the 1920x1080 pictures. n frames of a subject.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path

WIDTH, HEIGHT = 1920, 1080
CROP_SIDE = 1080


class Split(enum.Enum):
    """Folders of the data set."""

    TRAIN = "train"
    TEST = "test"


_ALL_CAMERAS = ("084", "100", "102", "108", "110", "111", "121", "122")
_MISSING = {("S5", "111")}
SUBJECTS = {Split.TRAIN: ("S2", "S4", "S5", "S7", "S8"), Split.TEST: ("S1", "S3", "S6")}
CAMERAS = {Split.TRAIN: _ALL_CAMERAS, Split.TEST: ("108",)}


@dataclass(frozen=True, slots=True)
class Video:
    """One subject seen by one camera."""

    subject: str
    camera: str


def videos(split: Split) -> tuple[Video, ...]:
    """All videos that published training and evaluation use, in their order."""
    return tuple(
        Video(subject, camera)
        for subject in SUBJECTS[split]
        for camera in CAMERAS[split]
        if (subject, camera) not in _MISSING
    )


@dataclass(frozen=True, slots=True)
class DecafLayout:
    """Paths inside the data set.

    Attributes:
        root: holds ``assets``, ``train`` and ``test``.
        split: which part.
    """

    root: Path
    split: Split

    @property
    def flame(self) -> Path:
        """FLAME 2020."""
        return self.assets / "generic_model.pkl"

    @property
    def landmarks(self) -> Path:
        """Its 68 landmarks."""
        return self.assets / "landmark_embedding.npy"

    @property
    def mano(self) -> Path:
        """MANO, right hand."""
        return self.assets / "mano_v1_2" / "models" / "MANO_RIGHT.pkl"

    @property
    def contact_neck(self) -> Path:
        """Head vertices whose contact labels, and predicted deformation, do not count."""
        return self.assets / "neck_idx.npy"

    @property
    def deformation_neck(self) -> Path:
        """Head vertices whose deformation labels do not count."""
        return self.assets / "FLAME_neck_idx.npy"

    @property
    def assets(self) -> Path:
        """What all subjects share."""
        return self.root / "assets"

    def head_transforms(self, subject: str) -> Path:
        """(n, 4, 4) canonical head -> world."""
        name = f"{subject}_RT_FromCanToRef_wo_poseparams.npy"
        return self.assets / "transformation" / self.split.value / name

    def deformations(self, subject: str) -> Path:
        """(n, 5023, 3) metres, canonical head frame; to be **subtracted** from the head."""
        return self._labels("deformations", subject) / "deforms.npy"

    def head_contacts(self, subject: str) -> Path:
        """(n, 5023) 0 or 1."""
        return self._labels("contacts", subject) / "contacts_head.npy"

    def hand_contacts(self, subject: str) -> Path:
        """(n, 778) 0 or 1, right hand."""
        return self._labels("contacts", subject) / "contacts_rh.npy"

    def parameters(self, subject: str) -> Path:
        """Pickled parameters of head and hand by frame."""
        return self._labels("params", subject) / "params_smoothed.pkl"

    def cameras(self, subject: str) -> Path:
        """Pickled calibrations by camera."""
        return self._labels("cameras", subject) / "cameras.pkl"

    def head_boxes(self, video: Video) -> Path:
        """(n, 4) x1, y1, x2, y2."""
        return self._labels("head_bbs", video.subject) / f"{video.camera}.npy"

    def hand_boxes(self, video: Video) -> Path:
        """(n, 4) x1, y1, x2, y2."""
        return self._labels("right_hand_bbs", video.subject) / f"{video.camera}.npy"

    def video(self, video: Video) -> Path:
        """Pictures, 1920x1080."""
        return self._labels("videos", video.subject) / f"{video.camera}.mp4"

    def crop(self, crops: Path, video: Video, frame: int) -> Path:
        """A square cut beforehand by the published script, in a folder of its own."""
        folder = crops / self.split.value / "cropped_images_with_bg" / video.subject
        return folder / video.camera / f"{frame:05d}.jpg"

    def _labels(self, kind: str, subject: str) -> Path:
        return self.root / self.split.value / kind / subject
