"""Evaluating on Decaf: which frames there are, what is true of them, and a walk through them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from dice_ros.body.flame_arrays import FlameArrays
from dice_ros.body.licensed_bodies import read_flame_arrays, read_mano_arrays
from dice_ros.body.posing import BodyPoser
from dice_ros.datasets.decaf_camera import DecafCamera, read_camera
from dice_ros.datasets.decaf_layout import DecafLayout, Video, videos
from dice_ros.datasets.decaf_pictures import DecafPicture, DecafPictures
from dice_ros.datasets.decaf_subject import DecafSubject
from dice_ros.evaluation.compared_frames import TrueFrames
from dice_ros.evaluation.contender import Contender, Round
from dice_ros.evaluation.frame_score import FrameScore
from dice_ros.evaluation.score_frames import FrameName, FrameScorer


@dataclass(frozen=True, slots=True, eq=False)
class _Filmed:
    """One video with its labels, opened."""

    video: Video
    subject: DecafSubject
    camera: DecafCamera
    frames: range


class DecafEvaluation:
    """One split of Decaf, opened and checked before any work is done.

    Args:
        layout: of the data set.
        limit: frames of each video, from its start; None for all.
        crops: folder of squares cut beforehand by the published script; None to cut from videos.

    Raises:
        InputError: a label file is missing, damaged or does not fit the others.
        AssetError: a body model is missing or damaged.
    """

    def __init__(
        self, layout: DecafLayout, *, limit: int | None = None, crops: Path | None = None
    ) -> None:
        self._layout, self._crops = layout, crops
        self.flame: FlameArrays = read_flame_arrays(
            layout.flame, layout.landmarks, layout.contact_neck
        )
        self._poser = BodyPoser(self.flame, read_mano_arrays(layout.mano))
        self.scorer = FrameScorer(
            self.flame.triangles, self.flame.neck, vertex_count=len(self.flame.template)
        )
        subjects: dict[str, DecafSubject] = {}
        self._videos = []
        for video in videos(layout.split):
            if video.subject not in subjects:
                subjects[video.subject] = DecafSubject(layout, video.subject)
            subject = subjects[video.subject]
            camera = read_camera(layout.cameras(video.subject), video.camera)
            count = subject.frame_count
            frames = range(count if limit is None else min(limit, count))
            self._videos.append(_Filmed(video, subject, camera, frames))

    @property
    def frame_count(self) -> int:
        """Frames to judge."""
        return sum(len(item.frames) for item in self._videos)

    def run(
        self, contender: Contender, *, done: Collection[FrameName] = (), batch: int = 8
    ) -> Iterator[list[FrameScore]]:
        """Judge all frames that are not done yet, in batches of one video each.

        Raises:
            InputError: a picture is missing or damaged.
        """
        finished = frozenset(done)
        for item in self._videos:
            todo = [frame for frame in item.frames if _name(item.video, frame) not in finished]
            pictures: Iterator[DecafPicture] | None = None
            if contender.needs_pictures:
                opened = DecafPictures(
                    self._layout, item.video, item.subject.frame_count, self._crops
                )
                pictures = opened.read(todo)
            for start in range(0, len(todo), batch):
                some = todo[start : start + batch]
                frames = Round(
                    [_name(item.video, frame) for frame in some],
                    [] if pictures is None else [next(pictures) for _ in some],
                    self._truth(item, some),
                    item.camera.camera,
                )
                yield contender.score(frames, self.scorer)

    def _truth(self, item: _Filmed, frames: list[int]) -> TrueFrames:
        """Labels turned into the camera's axes; its position does not matter."""
        labels = item.subject.labels(frames)
        posed = self._poser.pose(labels.parameters)
        turn = item.camera.rotation.T
        return TrueFrames(
            head=posed.head @ turn,
            deformation=labels.deformation @ turn,
            hand=posed.hand @ turn,
            landmarks=posed.landmarks @ turn,
            joints=posed.joints @ turn,
            head_contact=labels.head_contact,
            hand_contact=labels.hand_contact,
        )


def _name(video: Video, frame: int) -> FrameName:
    return FrameName(video.subject, video.camera, frame)
