"""The embedded default estimator: open head and hands fitted to landmarks, on a CPU.

Where the head and hands are in the picture is measured. Their depths come from the mean size of
people, whether they touch from the depth ratio at which the picture would make them touch, and how
deep they press from a nominal indentation: these are inferred, and the result says so
(``scale_source``, ``contact_source``, ``deformation_source``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dice_ros.body.hand_pose import HandPoser
from dice_ros.body.open_hand import OpenHand
from dice_ros.body.open_head import OpenHead
from dice_ros.body.vertex_normals import vertex_normals
from dice_ros.contact.indentation import indent
from dice_ros.contact.mesh_surface import MeshNeighbours, MeshSurface
from dice_ros.contact.proximity import Proximity, measure_proximity
from dice_ros.contact.skin import SkinCompliance
from dice_ros.contact.summary import summarise_contacts
from dice_ros.estimators.landmark_fit.depth_slide import FaceDepth, Reach
from dice_ros.estimators.landmark_fit.gap_change import gap_changes
from dice_ros.estimators.landmark_fit.gap_filter import GapFilter
from dice_ros.estimators.landmark_fit.hand_fit import HandFit, HandFitter
from dice_ros.estimators.landmark_fit.head_fit import HeadFit, HeadFitter
from dice_ros.estimators.landmark_fit.hidden_landmarks import hidden_landmarks
from dice_ros.estimators.landmark_fit.person_memory import HandMemory, PersonMemory
from dice_ros.estimators.landmark_fit.results import (
    PlacedHand,
    face_contact,
    face_result,
    hand_result,
)
from dice_ros.estimators.landmark_fit.smoothing import HandSmoother
from dice_ros.estimators.landmark_fit.touch_decision import TouchModel
from dice_ros.estimators.person_memories import PersonMemories
from dice_ros.settings import Settings
from dice_ros.stopwatch import Stopwatch
from dice_ros.types import (
    Contact,
    ContactSource,
    DeformationSource,
    Face,
    Float32Array,
    Hand,
    HandLandmarks,
    HandSide,
    Interaction,
    MeshTopology,
    PersonObservation,
    ScaleSource,
    TouchDecision,
)

NAME = "landmark_fit"

_FIT_RMS_MAX_M = 0.03
_LEARN_SCALE_ABOVE = 0.8
_LEARN_IDENTITY_RMS_MAX_M = 4e-3


@dataclass(frozen=True, slots=True, eq=False)
class _FittedFace:
    fit: HeadFit
    vertices: Float32Array
    normals: Float32Array


@dataclass(frozen=True, slots=True, eq=False)
class _Skin:
    surface: MeshSurface
    vertices: Float32Array
    displacement: Float32Array


class LandmarkFitEstimator(PersonMemories[PersonMemory]):
    """Fits open models to landmarks and infers contact and deformation; see the module's text.

    Args:
        head: open head model.
        hand: open right hand model.
        settings: validated settings.
        touch_model: coefficients of the touch decision.
    """

    def __init__(
        self,
        head: OpenHead,
        hand: OpenHand,
        settings: Settings,
        touch_model: TouchModel | None = None,
    ) -> None:
        self._head = head
        self._settings = settings
        self._touch_model = touch_model or TouchModel()
        self._head_fitter = HeadFitter(head)
        self._hand_fitter = HandFitter(HandPoser(hand))
        self._face_topology = head.topology
        self._hand_topologies = {
            HandSide.RIGHT: hand.topology(HandSide.RIGHT),
            HandSide.LEFT: hand.topology(HandSide.LEFT),
        }
        self._skin = SkinCompliance(head.triangles, head.stiffness, head.movable)
        self._face_neighbours = MeshNeighbours(head.triangles, len(head.template))
        self._hand_neighbours = {
            side: MeshNeighbours(topology.triangles, topology.vertex_count)
            for side, topology in self._hand_topologies.items()
        }
        self._touchable = np.flatnonzero(head.exterior).astype(np.int32)
        super().__init__()

    @property
    def name(self) -> str:
        """Published as ``source``."""
        return NAME

    @property
    def topologies(self) -> tuple[MeshTopology, ...]:
        """Head, right hand, left hand."""
        return (self._face_topology, *self._hand_topologies.values())

    @property
    def status(self) -> Mapping[str, str]:
        """Nothing: it has no engine."""
        return {}

    def apply(self, settings: Settings) -> None:
        """Take over changed live settings from the next frame on."""
        self._settings = settings

    def close(self) -> None:
        """Nothing to free."""
        self._persons.clear()

    def estimate(self, observation: PersonObservation) -> Interaction:
        """Reconstruct one person; parts that cannot be fitted are left out."""
        watch = Stopwatch()
        memory = self._remember(observation)
        face = self._fit_face(observation, memory)
        watch.lap("face_fit")
        fits = self._fit_hands(observation, memory)
        watch.lap("hand_fit")
        hands = self._place_hands(fits, face, memory, observation)
        watch.lap("depth_slide")
        if face is None or observation.face is None:
            free = tuple(hand_result(hand, self._topology_of(hand), None) for hand in hands)
            return self._interaction(
                observation, memory, face=None, hands=free, contacts=(), watch=watch
            )
        surfaces = [
            MeshSurface(self._hand_neighbours[hand.fit.side], hand.vertices)
            if hand.may_touch
            else None
            for hand in hands
        ]
        skin = self._deform(face, [surface for surface in surfaces if surface is not None])
        watch.lap("deformation")
        touches = [
            None if surface is None else measure_proximity(skin.surface, surface, self._touchable)
            for surface in surfaces
        ]
        contacts = self._summarise(hands, touches, skin)
        found_hands = tuple(
            hand_result(hand, self._topology_of(hand), touch)
            for hand, touch in zip(hands, touches, strict=True)
        )
        found_face = face_result(
            observation.face,
            face.fit,
            self._face_topology,
            vertices=skin.vertices,
            deformation=skin.displacement,
            contact=face_contact(hands, touches, len(face.vertices)),
            landmarks_cam=self._head_fitter.landmarks(face.fit),
        )
        watch.lap("contact")
        return self._interaction(
            observation,
            memory,
            face=found_face,
            hands=found_hands,
            contacts=contacts,
            watch=watch,
        )

    def _remember(self, observation: PersonObservation) -> PersonMemory:
        if observation.is_new:
            self._persons.pop(observation.person_id, None)
        return self._persons.setdefault(observation.person_id, PersonMemory())

    def _fit_face(self, observation: PersonObservation, memory: PersonMemory) -> _FittedFace | None:
        landmarks = observation.face
        if landmarks is None:
            memory.head_fit = None
            return None
        pixels = observation.camera.undistort(landmarks.points[:, :2])
        hidden = hidden_landmarks(landmarks.points[:, :2], observation.hands)
        fit = self._head_fitter.fit(
            pixels,
            observation.camera,
            landmarks.blendshapes,
            memory.identity.prior,
            previous=memory.head_fit,
            hidden=hidden,
        )
        memory.head_fit = fit
        if fit is None or fit.rms_m > _FIT_RMS_MAX_M:
            memory.head_fit = None
            return None
        if fit.rms_m < _LEARN_IDENTITY_RMS_MAX_M:
            memory.identity.learn(fit.betas)
        if self._settings.smoothing:
            fit = memory.head_smoother.smooth(fit, observation.frame.stamp_ns, self._settings)
        vertices = self._head_fitter.vertices(fit)
        return _FittedFace(fit, vertices, vertex_normals(vertices, self._head.triangles))

    def _fit_hands(
        self, observation: PersonObservation, memory: PersonMemory
    ) -> list[tuple[HandLandmarks, HandFit]]:
        fits, kept = [], {}
        for landmarks in observation.hands:
            known = memory.hands.get(landmarks.side)
            if known is not None and known.track_id != landmarks.track_id:
                known = None
            fit = self._hand_fitter.fit(
                landmarks,
                observation.camera,
                memory.hand_scale.prior,
                previous=None if known is None else known.fit,
            )
            if fit is None or fit.rms_m > _FIT_RMS_MAX_M:
                continue
            if known is None:
                known = HandMemory(landmarks.track_id, fit, HandSmoother())
            kept[landmarks.side] = known
            known.fit = fit
            if self._settings.smoothing:
                fit = known.smoother.smooth(fit, observation.frame.stamp_ns, self._settings)
            fits.append((landmarks, fit))
        memory.hands = kept
        return fits

    def _place_hands(
        self,
        fits: Sequence[tuple[HandLandmarks, HandFit]],
        face: _FittedFace | None,
        memory: PersonMemory,
        observation: PersonObservation,
    ) -> list[PlacedHand]:
        if not fits:
            return []
        free = [self._hand_fitter.vertices(fit) for _, fit in fits]
        reaches = self._reach(free, face)
        changes: dict[HandSide, float | None] = {}
        if face is not None and self._settings.smoothing:
            before = {
                fit.side: vertices
                for (_, fit), vertices, reach in zip(fits, free, reaches, strict=True)
                if np.isfinite(reach.contact_ratio)
            }
            seen = self._head.exterior & (face.normals[:, 2] < 0.0)
            changes = gap_changes(memory, observation, face.vertices[seen], before)
        placed = []
        for (landmarks, fit), vertices, reach in zip(fits, free, reaches, strict=True):
            gap = memory.hands[fit.side].gap if self._settings.smoothing else GapFilter()
            gap.follow(
                float(np.log(reach.contact_ratio)),
                fit.depth_sigma,
                changes.get(fit.side),
                observation.frame.stamp_ns,
            )
            focal_px = float(observation.camera.K[0, 0])
            placed.append(
                self._place(
                    landmarks, fit, vertices, reach, gap=gap, memory=memory, focal_px=focal_px
                )
            )
        return placed

    def _reach(self, hands: Sequence[Float32Array], face: _FittedFace | None) -> list[Reach]:
        if face is None:
            return [Reach(0.0, np.nan, np.nan)] * len(hands)
        give = 1e-3 * self._settings.indentation_mm * (1.0 - 0.8 * self._head.stiffness)
        depth = FaceDepth(face.vertices, face.normals, self._head.exterior, give.astype(np.float64))
        return [depth.reach(hand) for hand in hands]

    def _place(
        self,
        landmarks: HandLandmarks,
        fit: HandFit,
        free: Float32Array,
        reach: Reach,
        *,
        gap: GapFilter,
        memory: PersonMemory,
        focal_px: float,
    ) -> PlacedHand:
        log_ratio = float(np.log(reach.contact_ratio))
        presence = self._touch_model.probability(gap.log_ratio, gap.sigma)
        touch = self._touch_model.decide(presence, reach.overlap)
        ratio = 1.0
        if touch is TouchDecision.CONTACT:
            ratio = reach.contact_ratio
        elif touch is not TouchDecision.NO_OVERLAP:
            # Between hovering and touching the hand is placed by its expected depth, so that it
            # does not jump; it is never placed behind the skin that it hides.
            ratio = min(float(np.exp(presence * log_ratio)), reach.contact_ratio)
        if presence > _LEARN_SCALE_ABOVE:
            memory.hand_scale.learn(float(np.log(fit.scale)) + log_ratio, presence)
        factor = np.float32(ratio)
        return PlacedHand(
            landmarks=landmarks,
            fit=fit,
            vertices=free * factor,
            joints=self._hand_fitter.joints(fit, ratio),
            depth_ratio=ratio,
            presence=presence,
            touch=touch,
            pixels_per_metre=focal_px / float(fit.translation[2]),
        )

    def _deform(self, face: _FittedFace, hands: list[MeshSurface]) -> _Skin:
        displacement = np.zeros_like(face.vertices)
        if hands:
            indentation = indent(self._skin, face.vertices, hands)
            displacement[indentation.vertices] = indentation.displacement
        vertices = face.vertices + displacement
        return _Skin(MeshSurface(self._face_neighbours, vertices), vertices, displacement)

    def _summarise(
        self, hands: Sequence[PlacedHand], touches: Sequence[Proximity | None], skin: _Skin
    ) -> tuple[Contact, ...]:
        contacts: list[Contact] = []
        for hand, touch in zip(hands, touches, strict=True):
            if touch is None:
                continue
            probability = hand.presence * touch.face
            touched = np.flatnonzero(probability >= self._settings.contact_probability_min)
            contacts += summarise_contacts(
                hand.fit.side,
                face=self._face_topology,
                hand=self._topology_of(hand),
                face_vertices=skin.vertices,
                face_normals=skin.surface.normals,
                deformation=skin.displacement,
                touched=touched.astype(np.int32),
                probability=probability[touched],
                hand_vertex=touch.nearest_hand_vertex[touched],
            )
        return tuple(sorted(contacts, key=lambda item: (-item.probability, -item.area_mm2)))

    def _topology_of(self, hand: PlacedHand) -> MeshTopology:
        return self._hand_topologies[hand.fit.side]

    def _interaction(
        self,
        observation: PersonObservation,
        memory: PersonMemory,
        *,
        face: Face | None,
        hands: tuple[Hand, ...],
        contacts: tuple[Contact, ...],
        watch: Stopwatch,
    ) -> Interaction:
        personal = memory.identity.is_personal or memory.hand_scale.is_personal
        touching = any(
            hand.touch in (TouchDecision.CONTACT, TouchDecision.UNCERTAIN) for hand in hands
        )
        return Interaction(
            stamp_ns=observation.frame.stamp_ns,
            frame_id=observation.frame.frame_id,
            person_id=observation.person_id,
            source=NAME,
            face=face,
            hands=hands,
            contacts=contacts,
            camera=observation.camera,
            scale_source=ScaleSource.PERSON_AVERAGE if personal else ScaleSource.POPULATION_MEAN,
            contact_source=ContactSource.PROXIMITY_PRIOR if face else ContactSource.NONE,
            deformation_source=(
                DeformationSource.INDENTATION_PRIOR if touching else DeformationSource.NONE
            ),
            timings=watch.timings,
        )
