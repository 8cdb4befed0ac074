"""The estimator ``dice``: learned meshes, contact and deformation of a head and both hands.

Each hand is one crop around the face and that hand; left hands are mirrored, because the network
knows right ones, and both crops run as one batch. Every crop brings a head of its own: the head of
the hand that is surer to touch is published (last time's while it is a near tie), and the other
hand is placed relative to it as it was to its own, so that contacts keep their place. Without a
hand the face alone is cropped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from scipy.spatial import cKDTree

from dice_ros.body.dice_bodies import DiceBodies
from dice_ros.body.head_mirror import head_mirror
from dice_ros.body.keypoint_regressors import face_keypoints
from dice_ros.body.rigid_fit import rigid_fit
from dice_ros.body.rotation import axis_angle_from_matrix, matrix_from_axis_angle
from dice_ros.body.vertex_normals import vertex_normals
from dice_ros.contact.summary import summarise_contacts
from dice_ros.errors import EstimationError
from dice_ros.estimators.dice.crop_meshes import CropMeshes, unmirrored, untouched
from dice_ros.estimators.dice.runner import DiceRunner
from dice_ros.estimators.dice.topologies import DiceTopologies
from dice_ros.estimators.mesh_smoothing import CentreFilter, ShapeFilter
from dice_ros.estimators.person_memories import PersonMemories
from dice_ros.metric_placement import Placement, place
from dice_ros.perception.interaction_crop import CropBox, interaction_crop
from dice_ros.perception.one_euro import OneEuroRotationFilter
from dice_ros.settings import Settings
from dice_ros.stopwatch import Stopwatch
from dice_ros.types import (
    Contact,
    ContactSource,
    DeformationSource,
    Face,
    FaceLandmarks,
    Float32Array,
    Float64Array,
    Hand,
    HandLandmarks,
    HandSide,
    Interaction,
    MeshTopology,
    PersonObservation,
    Pose,
    ScaleSource,
    StageTiming,
    TouchDecision,
)

NAME = "dice"
SYNTHETIC_NAME = "synthetic"
"""Published as ``source`` when weights or bodies are stand-ins: that is not DICE."""

CROP_SIDE = 224
PRESENCE_MIN = 0.5
_EYES = slice(36, 48)
_MODEL_AXES = np.array([1.0, -1.0, -1.0])
"""From FLAME's axes (y up, z out of the face) to the head frame (y down, z into it)."""
_NEAREST_M, _FARTHEST_M = 0.05, 100.0
_RMS_OVER_SIDE = 0.25
"""Largest reprojection error over the crop's side: beyond it nothing was placed."""
_SURER_BY = 0.1
"""How much surer the other hand must be before its crop's head is published instead."""


_Key: TypeAlias = tuple[int, int, int]
"""Person, index and stamp of the image."""


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """One crop's meshes in the camera frame, head first."""

    landmarks: HandLandmarks | None
    meshes: CropMeshes
    placement: Placement
    head: Float64Array
    hand: Float64Array
    joints: Float64Array
    face_landmarks: Float64Array
    hand_turn: Float64Array
    """(3, 3) hand model -> cam."""

    @property
    def centre(self) -> Float64Array:
        return self.placement.pose.translation


@dataclass(slots=True, eq=False)
class _HandMemory:
    track_id: int
    shape: ShapeFilter = field(default_factory=ShapeFilter)
    turn: OneEuroRotationFilter = field(default_factory=OneEuroRotationFilter)


@dataclass(slots=True, eq=False)
class _PersonMemory:
    centre: CentreFilter = field(default_factory=CentreFilter)
    head: ShapeFilter = field(default_factory=ShapeFilter)
    hands: dict[HandSide, _HandMemory] = field(default_factory=dict)
    reference: HandSide | None = None
    """Whose crop's head was published last."""


class DiceEstimator(PersonMemories[_PersonMemory]):
    """Runs DICE on what perception saw; see the module's text.

    Args:
        runner: network and bodies.
        bodies: the same bodies.
        topologies: head and hands with their regions.
        settings: validated settings.
        synthetic: weights or bodies are stand-ins.
    """

    def __init__(
        self,
        runner: DiceRunner,
        bodies: DiceBodies,
        topologies: DiceTopologies,
        settings: Settings,
        *,
        synthetic: bool,
    ) -> None:
        self._runner = runner
        self._topologies = topologies
        self._settings = settings
        self._name = SYNTHETIC_NAME if synthetic else NAME
        self._mirror = head_mirror(bodies.flame)
        self._resting_head = _resting_head(bodies)
        super().__init__()
        self._ahead: dict[_Key, list[CropMeshes]] = {}

    @property
    def name(self) -> str:
        """Published as ``source``: ``dice``, or ``synthetic`` if anything is a stand-in."""
        return self._name

    @property
    def topologies(self) -> tuple[MeshTopology, ...]:
        """Head, right hand, left hand."""
        known = self._topologies
        return (known.head, known.hands[HandSide.RIGHT], known.hands[HandSide.LEFT])

    @property
    def status(self) -> Mapping[str, str]:
        """The engine that answers, and what happened to engines so far."""
        engine = self._runner.engine
        status = {"engine": str(engine.describe()), "engine_building": str(engine.is_building)}
        return status | {
            f"engine_event_{number}": text for number, text in enumerate(engine.events, 1)
        }

    def apply(self, settings: Settings) -> None:
        """Take over changed live settings from the next frame on."""
        self._settings = settings

    def close(self) -> None:
        """Free the network."""
        self._runner.close()

    def look_ahead(self, observations: Sequence[PersonObservation]) -> None:
        """Run the network on the crops of several images together; see ``LooksAhead``."""
        crops = [(item, _crops(item, item.face)) for item in observations if item.face is not None]
        cuts = [crop.cut(item.frame.image) for item, boxes in crops for crop in boxes]
        self._ahead.clear()
        try:
            found = iter(self._runner.run(cuts))
        except EstimationError:
            return  # Each image is then computed alone, and the bad one is named.
        for item, boxes in crops:
            self._ahead[_key(item)] = [next(found) for _ in boxes]

    def estimate(self, observation: PersonObservation) -> Interaction:
        """Reconstruct one person. A person whose face is not seen has no result.

        Raises:
            EstimationError: the network's output is not finite, or places nothing.
        """
        watch = Stopwatch()
        if observation.face is None:
            return self._interaction(observation, None, (), (), watch.timings)
        crops = _crops(observation, observation.face)
        watch.lap("dice_crop")
        found = self._ahead.pop(_key(observation), None)
        if found is None:
            found = self._runner.run([crop.cut(observation.frame.image) for crop in crops])
        watch.lap("dice_network")
        hands: tuple[HandLandmarks | None, ...] = observation.hands or (None,)
        seen = [
            self._place(hand, crop, meshes, observation)
            for hand, crop, meshes in zip(hands, crops, found, strict=True)
        ]
        memory = self._memory_of(observation)
        main = _reference(seen, memory)
        seen = [_relative_to(seen[main], other) for other in seen]
        if self._settings.smoothing:
            seen = self._smoothed(seen, main, memory, observation.frame.stamp_ns)
        first = seen[main]
        watch.lap("dice_placement")
        face = self._face(observation.face, seen, first)
        with_hands = [(item.landmarks, item) for item in seen if item.landmarks is not None]
        if any(not item.hand[:, 2].min() >= _NEAREST_M for _, item in with_hands):
            raise _implausible(first.meshes.pixels_per_metre)
        results = tuple(self._hand(landmarks, item) for landmarks, item in with_hands)
        contacts = self._contacts(face, with_hands)
        watch.lap("contact")
        return self._interaction(observation, face, results, contacts, watch.timings)

    def _place(
        self,
        hand: HandLandmarks | None,
        crop: CropBox,
        meshes: CropMeshes,
        observation: PersonObservation,
    ) -> _Seen:
        if hand is None or meshes.presence <= PRESENCE_MIN:
            meshes = untouched(meshes)
        if crop.mirrored:
            meshes = unmirrored(meshes, self._mirror, CROP_SIDE)
        pixels_per_metre = meshes.pixels_per_metre * crop.side / CROP_SIDE
        if pixels_per_metre * _FARTHEST_M < observation.camera.K[0, 0]:
            raise _implausible(meshes.pixels_per_metre)
        # A hand that perception did not see is the network's guess: it does not move the head.
        points = meshes.head if hand is None else np.concatenate([meshes.head, meshes.hand])
        try:
            placement = place(
                points.astype(np.float64),
                crop.to_image(meshes.project(points).astype(np.float64), CROP_SIDE),
                crop.centre,
                pixels_per_metre,
                observation.camera,
            )
        except np.linalg.LinAlgError:
            raise _implausible(meshes.pixels_per_metre) from None
        nearest = placement.to_camera(points.astype(np.float64))[:, 2].min()
        distance = np.linalg.norm(placement.pose.translation)
        # Written so that NaN is refused as well.
        if not (
            nearest >= _NEAREST_M
            and distance <= _FARTHEST_M
            and placement.rms_px <= _RMS_OVER_SIDE * crop.side
        ):
            raise _implausible(meshes.pixels_per_metre)
        orient = matrix_from_axis_angle(meshes.global_orient.astype(np.float64))
        return _Seen(
            landmarks=hand,
            meshes=meshes,
            placement=placement,
            head=placement.to_camera(meshes.head.astype(np.float64)),
            hand=placement.to_camera(meshes.hand.astype(np.float64)),
            joints=placement.to_camera(meshes.joints.astype(np.float64)),
            face_landmarks=placement.to_camera(meshes.landmarks.astype(np.float64)),
            hand_turn=np.asarray(placement.pose.rotation @ orient),
        )

    def _memory_of(self, observation: PersonObservation) -> _PersonMemory:
        if observation.is_new:
            self._persons.pop(observation.person_id, None)
        return self._persons.setdefault(observation.person_id, _PersonMemory())

    def _smoothed(
        self, seen: Sequence[_Seen], main: int, memory: _PersonMemory, stamp: int
    ) -> list[_Seen]:
        settings, first = self._settings, seen[main]
        centre = memory.centre.smooth(first.centre, stamp, settings)
        around = np.concatenate([first.head, first.face_landmarks]) - first.centre
        shape = memory.head.smooth(around, stamp, settings) + centre
        head, face_landmarks = shape[: len(first.head)], shape[len(first.head) :]
        smoothed, kept = [], {}
        for item in seen:
            hand, joints, turn = item.hand, item.joints, item.hand_turn
            if item.landmarks is not None:
                known = memory.hands.get(item.landmarks.side)
                if known is None or known.track_id != item.landmarks.track_id:
                    known = _HandMemory(item.landmarks.track_id)
                kept[item.landmarks.side] = known
                points = np.concatenate([item.hand, item.joints]) - first.centre
                points = known.shape.smooth(points, stamp, settings) + centre
                hand, joints = points[: len(item.hand)], points[len(item.hand) :]
                turn = known.turn.smooth(
                    turn, stamp, settings.smoothing_min_cutoff_hz, settings.smoothing_beta
                )
            smoothed.append(
                replace(
                    item,
                    head=head,
                    face_landmarks=face_landmarks,
                    hand=hand,
                    joints=joints,
                    hand_turn=turn,
                )
            )
        memory.hands = kept
        return smoothed

    def _face(self, landmarks: FaceLandmarks, seen: Sequence[_Seen], first: _Seen) -> Face:
        deformation = _combined_deformation(seen)
        R, t = rigid_fit(self._resting_head, first.head)
        return Face(
            confidence=landmarks.score,
            box=landmarks.box,
            pose=Pose(R, t),
            topology=self._topologies.head.id,
            vertices=(first.head + deformation).astype(np.float32),
            deformation=deformation.astype(np.float32),
            contact=np.max([item.meshes.face_contact for item in seen], axis=0),
            landmarks=first.face_landmarks.astype(np.float32),
            landmarks_image=np.ascontiguousarray(landmarks.points[:, :2]),
            betas=first.meshes.face_betas,
            expression=first.meshes.face_expression,
            fit_rms_px=first.placement.rms_px,
        )

    def _hand(self, landmarks: HandLandmarks, seen: _Seen) -> Hand:
        touching = seen.meshes.presence > PRESENCE_MIN
        return Hand(
            side=landmarks.side,
            confidence=landmarks.presence,
            box=landmarks.box,
            topology=self._topologies.hands[landmarks.side].id,
            vertices=seen.hand.astype(np.float32),
            joints=seen.joints.astype(np.float32),
            contact=seen.meshes.hand_contact,
            contact_presence=seen.meshes.presence,
            touch=TouchDecision.CONTACT if touching else TouchDecision.NO_CONTACT,
            global_orient=axis_angle_from_matrix(seen.hand_turn).astype(np.float32),
            transl=seen.joints[0].astype(np.float32),
            hand_pose=seen.meshes.hand_pose,
            betas=seen.meshes.hand_betas,
            scale=1.0,
            depth_ratio=1.0,
            fit_rms_px=seen.placement.rms_px,
        )

    def _contacts(
        self, face: Face, seen: Sequence[tuple[HandLandmarks, _Seen]]
    ) -> tuple[Contact, ...]:
        contacts: list[Contact] = []
        normals: Float32Array | None = None
        for landmarks, item in seen:
            if item.meshes.presence <= PRESENCE_MIN:
                continue
            least = self._settings.contact_probability_min
            touched = np.flatnonzero(item.meshes.face_contact >= least).astype(np.int32)
            if not len(touched):
                continue
            if normals is None:
                normals = vertex_normals(face.vertices, self._topologies.head.triangles)
            touching = np.flatnonzero(item.meshes.hand_contact >= least)
            if not len(touching):
                touching = np.arange(len(item.hand))
            nearest = cKDTree(item.hand[touching]).query(face.vertices[touched])[1]
            contacts += summarise_contacts(
                landmarks.side,
                face=self._topologies.head,
                hand=self._topologies.hands[landmarks.side],
                face_vertices=face.vertices,
                face_normals=normals,
                deformation=face.deformation,
                touched=touched,
                probability=item.meshes.face_contact[touched],
                hand_vertex=touching[np.asarray(nearest)].astype(np.int32),
            )
        return tuple(sorted(contacts, key=lambda item: (-item.probability, -item.area_mm2)))

    def _interaction(
        self,
        observation: PersonObservation,
        face: Face | None,
        hands: tuple[Hand, ...],
        contacts: tuple[Contact, ...],
        timings: tuple[StageTiming, ...],
    ) -> Interaction:
        return Interaction(
            stamp_ns=observation.frame.stamp_ns,
            frame_id=observation.frame.frame_id,
            person_id=observation.person_id,
            source=self._name,
            face=face,
            hands=hands,
            contacts=contacts,
            camera=observation.camera,
            scale_source=ScaleSource.NETWORK,
            contact_source=ContactSource.NETWORK if hands else ContactSource.NONE,
            deformation_source=DeformationSource.NETWORK if hands else DeformationSource.NONE,
            timings=timings,
        )


def _implausible(pixels_per_metre: float) -> EstimationError:
    return EstimationError(
        "implausible_placement",
        f"the network's camera ({pixels_per_metre:.3g} crop pixels a metre) does not place "
        f"head and hand between {_NEAREST_M:g} m and {_FARTHEST_M:g} m in front of the camera and "
        "near the crop: the crop shows no head, or the weights are not DICE's",
    )


def _key(observation: PersonObservation) -> _Key:
    return observation.person_id, observation.frame.index, observation.frame.stamp_ns


def _crops(observation: PersonObservation, face: FaceLandmarks) -> list[CropBox]:
    """One crop a hand, or one of the face alone."""
    height, width = observation.frame.image.shape[:2]
    if not observation.hands:
        return [interaction_crop(face.box, None, width, height)]
    return [
        interaction_crop(face.box, hand.box, width, height, mirrored=hand.side is HandSide.LEFT)
        for hand in observation.hands
    ]


def _reference(seen: Sequence[_Seen], memory: _PersonMemory) -> int:
    """Which crop's head is published: the surer hand's, and last time's while it is a near tie."""
    presence = [item.meshes.presence for item in seen]
    main = int(np.argmax(presence))
    for number, item in enumerate(seen):
        known = item.landmarks is not None and item.landmarks.side is memory.reference
        if known and presence[main] < presence[number] + _SURER_BY:
            main = number
            break
    landmarks = seen[main].landmarks
    memory.reference = None if landmarks is None else landmarks.side
    return main


def _relative_to(first: _Seen, other: _Seen) -> _Seen:
    """Another crop's hand, moved as far as its head lies from the first one's."""
    if other is first:
        return first
    shift = first.head.mean(axis=0) - other.head.mean(axis=0)
    return replace(
        other,
        head=first.head,
        face_landmarks=first.face_landmarks,
        hand=other.hand + shift,
        joints=other.joints + shift,
    )


def _combined_deformation(seen: Sequence[_Seen]) -> Float64Array:
    """(V, 3) metres, cam axes: where both hands press, the deeper one counts."""
    fields = np.stack([item.meshes.deformation @ item.placement.pose.rotation.T for item in seen])
    deepest = np.argmax((fields**2).sum(axis=2), axis=0)
    return np.asarray(fields[deepest, np.arange(fields.shape[1])])


def _resting_head(bodies: DiceBodies) -> Float64Array:
    """(V, 3) the resting head in the head frame: origin between the eyes."""
    flame = bodies.flame
    landmarks = face_keypoints(flame, flame.template[None])[0]
    return np.asarray((flame.template - landmarks[_EYES].mean(axis=0)) * _MODEL_AXES)
