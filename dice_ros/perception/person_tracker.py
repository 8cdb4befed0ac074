"""Who is in the picture: faces and hands, found once and then followed.

Detectors run on the first frame, when something was lost, and every ``detect_interval_s`` while
something is missing; in between, each landmark network looks where its landmarks were in the last
frame. Faces are found first (full range), palms in a close-up around the face, because palms of
small subjects cannot be found in the whole image; the whole image is the fallback.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dice_ros.camera import Camera
from dice_ros.perception.blendshapes import BlendshapeNetwork
from dice_ros.perception.face_detector import full_range_face_detector
from dice_ros.perception.face_landmarks import FaceLandmarkNetwork
from dice_ros.perception.hand_landmarks import HandLandmarkNetwork, HandReading
from dice_ros.perception.hand_track import (
    HandTrack,
    hand_centre,
    is_plausible,
    one_of_each_side,
    same_hand,
    without_duplicates,
)
from dice_ros.perception.image_repair import Repair, likely_repair
from dice_ros.perception.palm_detector import around_face, palm_detector
from dice_ros.perception.rotated_box import (
    RotatedBox,
    bounding_box,
    face_region_from_detection,
    face_region_from_landmarks,
    hand_region_from_detection,
    hand_region_from_landmarks,
    whole_image,
)
from dice_ros.settings import Settings
from dice_ros.stopwatch import Stopwatch
from dice_ros.types import (
    Box,
    FaceLandmarks,
    Frame,
    PersonObservation,
    StageTiming,
    UInt8Array,
)

TRACK_GAP_NS = 1_000_000_000
"""After a longer gap between stamps everybody counts as lost."""

_HANDS_PER_PERSON = 2
_KEEP_SHARE = 0.8
_REACH_FACE_WIDTHS = 3.5
_SAME_FACE_SHARE = 0.5
_PALM_SCORE_MIN = 0.5
_FACE_CANDIDATE_MIN, _FACE_CANDIDATES = 0.2, 3


@dataclass(frozen=True, slots=True)
class Observations:
    """Everybody seen in one frame, largest face first, and the time each stage took."""

    persons: tuple[PersonObservation, ...]
    timings: tuple[StageTiming, ...]


@dataclass(eq=False)
class _Person:
    person_id: int
    face: FaceLandmarks | None
    hands: list[HandTrack] = field(default_factory=list)
    is_new: bool = True

    @property
    def face_size(self) -> float:
        return 0.0 if self.face is None else max(self.face.box.width, self.face.box.height)


@dataclass(frozen=True, slots=True, eq=False)
class TrackerMemory:
    """Everything a tracker knows from the frames before; see :meth:`PersonTracker.memory`."""

    next_id: int
    stamp_ns: int
    persons: tuple[_Person, ...]
    faces_searched_ns: int | None
    hands_searched_ns: int | None
    look_wide: bool
    repair: Repair


class PersonTracker:
    """Finds and follows people; use from one thread.

    Args:
        settings: validated settings.
        networks: folder of the ``.tflite`` files.

    Raises:
        AssetError: a network is missing or damaged.
    """

    def __init__(self, settings: Settings, networks: Path) -> None:
        threads = settings.network_threads
        self._settings = settings
        self._face_detector = full_range_face_detector(networks, threads)
        self._palm_detector = palm_detector(networks, threads)
        self._face_network = FaceLandmarkNetwork(networks / "face_landmarks.tflite", threads)
        self._blendshapes = BlendshapeNetwork(networks / "face_blendshapes.tflite")
        self._hand_network = HandLandmarkNetwork(networks / "hand_landmarks.tflite", threads)
        self._next_id = 0
        self._stamp_ns = 0
        self._persons: list[_Person] = []
        self._faces_searched_ns: int | None = None
        self._hands_searched_ns: int | None = None
        self._look_wide = False
        self._repair = Repair.NONE

    def apply(self, settings: Settings) -> None:
        """Take over changed live settings from the next frame on."""
        self._settings = settings

    def reset(self) -> None:
        """Forget everybody; ids go on counting."""
        self._forget()
        self._stamp_ns = 0

    def memory(self) -> TrackerMemory:
        """Everything known from the frames before; shares objects with the tracker."""
        return TrackerMemory(
            next_id=self._next_id,
            stamp_ns=self._stamp_ns,
            persons=tuple(self._persons),
            faces_searched_ns=self._faces_searched_ns,
            hands_searched_ns=self._hands_searched_ns,
            look_wide=self._look_wide,
            repair=self._repair,
        )

    def restore(self, memory: TrackerMemory) -> None:
        """Go on where another tracker was."""
        self._next_id, self._stamp_ns = memory.next_id, memory.stamp_ns
        self._persons = list(memory.persons)
        self._faces_searched_ns = memory.faces_searched_ns
        self._hands_searched_ns = memory.hands_searched_ns
        self._look_wide, self._repair = memory.look_wide, memory.repair

    def close(self) -> None:
        """Free the networks."""
        for network in (self._face_network, self._blendshapes, self._hand_network):
            network.close()
        self._face_detector.close()
        self._palm_detector.close()

    def update(self, frame: Frame, camera: Camera) -> Observations:
        """Find everybody in a frame.

        Args:
            frame: RGB image with its stamp; an earlier stamp than before resets the tracks.
            camera: handed on to the observations.
        """
        watch = Stopwatch()
        gap_ns = frame.stamp_ns - self._stamp_ns
        if gap_ns < 0 or gap_ns > TRACK_GAP_NS:
            self._forget()
        self._stamp_ns = frame.stamp_ns
        image = self._repair.apply(frame.image)
        for person in self._persons:
            person.is_new = False

        lost_face = self._follow_faces(image)
        watch.lap("face_landmarks")
        image = self._find_faces(frame.image, image, watch, urgent=lost_face)
        self._follow_hands(image)
        watch.lap("hand_landmarks")
        self._find_hands(image, watch)
        self._persons = [person for person in self._persons if person.face or person.hands]
        self._persons.sort(key=lambda person: (-person.face_size, person.person_id))
        if not self._persons:
            self._repair = Repair.NONE
        seen = tuple(_observe(person, frame, camera) for person in self._persons)
        return Observations(seen, watch.timings)

    def _forget(self) -> None:
        self._persons = []
        self._faces_searched_ns = self._hands_searched_ns = None
        self._look_wide = False
        self._repair = Repair.NONE

    def _new_id(self) -> int:
        self._next_id += 1
        return self._next_id

    def _follow_faces(self, image: UInt8Array) -> bool:
        """Read every known face again; True if one was lost."""
        lost = False
        for person in self._persons:
            if person.face is None:
                continue
            region = face_region_from_landmarks(person.face.points)
            person.face = self._read_face(image, region, _KEEP_SHARE)
            lost |= person.face is None
        self._persons = [person for person in self._persons if person.face or person.hands]
        return lost

    def _read_face(
        self, image: UInt8Array, region: RotatedBox, share: float = 1.0
    ) -> FaceLandmarks | None:
        if region.side < 8.0:
            return None
        points, score = self._face_network.run(image, region)
        if score < share * self._settings.face_score_min or not np.isfinite(points).all():
            return None
        box = bounding_box(points)
        return FaceLandmarks(points, score, self._blendshapes.run(points), box)

    def _find_faces(
        self, original: UInt8Array, image: UInt8Array, watch: Stopwatch, *, urgent: bool
    ) -> UInt8Array:
        """Look for further faces if it is time; returns the picture to go on with."""
        wanted = self._settings.max_persons - sum(bool(person.face) for person in self._persons)
        if wanted <= 0 or not (urgent or self._is_due(self._faces_searched_ns)):
            return image
        first_search = self._faces_searched_ns is None or self._is_due(self._faces_searched_ns)
        self._faces_searched_ns = self._stamp_ns
        found = self._new_faces(image, wanted)
        if not found and not self._persons and first_search and self._repair is Repair.NONE:
            repair = likely_repair(original)
            repaired = repair.apply(original)
            found = self._new_faces(repaired, wanted)
            if found:
                self._repair, image = repair, repaired
        for face in found:
            self._adopt(face)
        watch.lap("detect_faces")
        return image

    def _new_faces(self, image: UInt8Array, wanted: int) -> list[FaceLandmarks]:
        # A face half hidden by a hand scores low here; the landmark network decides.
        detections = self._face_detector.detect(image, whole_image(image), _FACE_CANDIDATE_MIN)
        known = [person.face.box for person in self._persons if person.face]
        found: list[FaceLandmarks] = []
        sure = [item for item in detections if item.score >= self._settings.face_score_min]
        doubtful = [item for item in detections if item.score < self._settings.face_score_min]
        by_size = sorted(sure, key=lambda item: -item.box.width * item.box.height)
        for detection in (*by_size, *doubtful[:_FACE_CANDIDATES]):
            if len(found) >= wanted:
                break
            if any(_same_face(detection.box, box) for box in known):
                continue
            region = face_region_from_detection(detection.box, detection.keypoints)
            face = self._read_face(image, region)
            # A second look, from the region tracking would take, steadies the landmarks.
            if face is not None:
                face = self._read_face(image, face_region_from_landmarks(face.points))
            if face is not None and not any(_same_face(face.box, box) for box in known):
                known.append(face.box)
                found.append(face)
        return found

    def _adopt(self, face: FaceLandmarks) -> None:
        """Give a face to a person known by hands alone, or to a new one."""
        faceless = next((person for person in self._persons if person.face is None), None)
        if faceless is None:
            self._persons.append(_Person(self._new_id(), face))
            self._hands_searched_ns = None
        else:
            faceless.face = face

    def _follow_hands(self, image: UInt8Array) -> None:
        for person in self._persons:
            followed = []
            for track in person.hands:
                reading = self._hand_network.run(image, track.region)
                if self._is_hand(reading, image, person.face, _KEEP_SHARE):
                    followed.append(track.follow(reading))
                else:
                    self._hands_searched_ns = None
            person.hands = one_of_each_side(without_duplicates(followed))

    def _find_hands(self, image: UInt8Array, watch: Stopwatch) -> None:
        missing = any(len(person.hands) < _HANDS_PER_PERSON for person in self._persons)
        if not (missing or not self._persons) or not self._is_due(self._hands_searched_ns):
            return
        cold = self._hands_searched_ns is None
        self._hands_searched_ns = self._stamp_ns
        regions = [around_face(person.face.box) for person in self._persons if person.face]
        if not regions or self._look_wide:
            regions.append(whole_image(image))
        self._look_wide = not self._look_wide
        found = self._new_hands(image, regions, watch)
        if cold and not found and regions[-1] != whole_image(image):
            found = self._new_hands(image, [whole_image(image)], watch)
        for track in found:
            self._give_to_nearest(track, image)
        for person in self._persons:
            person.hands = one_of_each_side(without_duplicates(person.hands))

    def _new_hands(
        self, image: UInt8Array, regions: list[RotatedBox], watch: Stopwatch
    ) -> list[HandTrack]:
        palms = [
            hand_region_from_detection(palm.box, palm.keypoints)
            for region in regions
            for palm in self._palm_detector.detect(image, region, _PALM_SCORE_MIN)
        ]
        watch.lap("detect_palms")
        known = [track.reading for person in self._persons for track in person.hands]
        found = []
        for region in palms:
            if any(_covers(region, hand_centre(reading)) for reading in known):
                continue
            first = self._hand_network.run(image, region)
            if not self._is_hand(first, image, None):
                continue
            reading = self._hand_network.run(image, hand_region_from_landmarks(first.points))
            if not self._is_hand(reading, image, None):
                continue
            if not any(same_hand(reading, other) for other in known):
                known.append(reading)
                found.append(HandTrack.start(self._new_id(), reading))
        watch.lap("hand_landmarks")
        return found

    def _is_hand(
        self,
        reading: HandReading,
        image: UInt8Array,
        face: FaceLandmarks | None,
        share: float = 1.0,
    ) -> bool:
        if reading.presence < share * self._settings.hand_presence_min:
            return False
        height, width = image.shape[:2]
        return is_plausible(reading, width, height, None if face is None else face.box)

    def _give_to_nearest(self, track: HandTrack, image: UInt8Array) -> None:
        """Give a new hand to the person whose face is nearest, in face widths."""
        x, y = hand_centre(track.reading)
        ranked = sorted(
            (_distance_in_faces(person.face.box, x, y), person.person_id, person)
            for person in self._persons
            if person.face
        )
        for distance, _, person in ranked:
            if distance < _REACH_FACE_WIDTHS and self._is_hand(track.reading, image, person.face):
                person.hands.append(track)
                return
        # Hands without a face belong together, to somebody whose face is not seen.
        faceless = next((person for person in self._persons if person.face is None), None)
        if faceless is None:
            if len(self._persons) >= self._settings.max_persons:
                return
            faceless = _Person(self._new_id(), None)
            self._persons.append(faceless)
        faceless.hands.append(track)

    def _is_due(self, last_ns: int | None) -> bool:
        if last_ns is None:
            return True
        return self._stamp_ns - last_ns >= 1e9 * self._settings.detect_interval_s


def _observe(person: _Person, frame: Frame, camera: Camera) -> PersonObservation:
    hands = tuple(track.landmarks() for track in person.hands)
    return PersonObservation(frame, camera, person.person_id, person.is_new, person.face, hands)


def _same_face(first: Box, second: Box) -> bool:
    """Whether two boxes' centres are nearer than half a face."""
    x = (first.x + 0.5 * first.width) - (second.x + 0.5 * second.width)
    y = (first.y + 0.5 * first.height) - (second.y + 0.5 * second.height)
    return float(np.hypot(x, y)) < _SAME_FACE_SHARE * max(first.width, second.width)


def _distance_in_faces(face: Box, x: float, y: float) -> float:
    centre_x, centre_y = face.x + 0.5 * face.width, face.y + 0.5 * face.height
    return float(np.hypot(x - centre_x, y - centre_y)) / max(face.width, face.height, 1.0)


def _covers(region: RotatedBox, point: tuple[float, float]) -> bool:
    """Whether a region found by the palm detector is centred on a known hand."""
    gap = float(np.hypot(region.x - point[0], region.y - point[1]))
    return gap < 0.25 * region.side
