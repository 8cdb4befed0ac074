"""The estimator ``interwild``: both hands, and where they are to each other.

Boxes of the hands are perception's, or the network finds them itself (setting ``interwild_boxes``).
While the hands interact they are placed as one body, otherwise each alone. InterWild knows neither
face nor touch: results have no face, no contacts and no deformation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from dice_ros.body.mano_pair import ManoPair
from dice_ros.body.rotation import axis_angle_from_matrix
from dice_ros.errors import EstimationError
from dice_ros.estimators.interwild.hand_placement import (
    PlacedHand,
    place_alone,
    place_together,
)
from dice_ros.estimators.interwild.interplay import interact
from dice_ros.estimators.interwild.runner import InterWildRunner
from dice_ros.estimators.interwild.seen_hands import SeenHands
from dice_ros.estimators.interwild.where_to_look import view_of_hands, view_of_person
from dice_ros.estimators.mano_topologies import mano_topologies
from dice_ros.estimators.mesh_smoothing import CentreFilter, ShapeFilter
from dice_ros.estimators.person_memories import PersonMemories
from dice_ros.perception.one_euro import OneEuroRotationFilter
from dice_ros.settings import Settings
from dice_ros.stopwatch import Stopwatch
from dice_ros.types import (
    Box,
    ContactSource,
    DeformationSource,
    Float64Array,
    Hand,
    HandLandmarks,
    HandSide,
    Interaction,
    MeshTopology,
    PersonObservation,
    ScaleSource,
    StageTiming,
    TouchDecision,
)

NAME = "interwild"
SYNTHETIC_NAME = "synthetic"
"""Published as ``source`` when weights or hands are stand-ins: that is not InterWild."""


@dataclass(slots=True, eq=False)
class _HandMemory:
    track_id: int
    centre: CentreFilter = field(default_factory=CentreFilter)
    shape: ShapeFilter = field(default_factory=ShapeFilter)
    turn: OneEuroRotationFilter = field(default_factory=OneEuroRotationFilter)


@dataclass(slots=True, eq=False)
class _PersonMemory:
    hands: dict[HandSide, _HandMemory] = field(default_factory=dict)
    interacting: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class ReadHands:
    """The hands of one person in the camera frame.

    Attributes:
        placed: at most one of each side.
        together: both were placed as one body, so that the vector between the wrists is what the
            network said, turned into the camera frame.
    """

    placed: dict[HandSide, PlacedHand]
    together: bool


class InterWildEstimator(PersonMemories[_PersonMemory]):
    """Runs InterWild on what perception saw; see the module's text.

    Args:
        runner: the network.
        hands: the models it poses.
        settings: validated settings.
        synthetic: weights or hands are stand-ins.
    """

    def __init__(
        self, runner: InterWildRunner, hands: ManoPair, settings: Settings, *, synthetic: bool
    ) -> None:
        self._runner = runner
        self._settings = settings
        self._name = SYNTHETIC_NAME if synthetic else NAME
        self._topologies = mano_topologies(hands.right.arrays, synthetic=hands.synthetic)
        self._mean_pose = {side: hands.of(side).mean_pose for side in HandSide}
        super().__init__()

    @property
    def name(self) -> str:
        """Published as ``source``: ``interwild``, or ``synthetic`` if anything is a stand-in."""
        return self._name

    @property
    def topologies(self) -> tuple[MeshTopology, ...]:
        """Right hand, left hand."""
        return (self._topologies[HandSide.RIGHT], self._topologies[HandSide.LEFT])

    @property
    def status(self) -> Mapping[str, str]:
        """The engine that answers."""
        return {"interwild_engine": str(self._runner.engine.describe())}

    def apply(self, settings: Settings) -> None:
        """Take over changed live settings from the next frame on."""
        self._settings = settings

    def close(self) -> None:
        """Free the network."""
        self._runner.close()

    def estimate(self, observation: PersonObservation) -> Interaction:
        """Reconstruct the hands of one person; none where there are none.

        Raises:
            EstimationError: the network's output is not finite, or places no hand.
        """
        watch = Stopwatch()
        read = self.read(observation, watch)
        hands = tuple(self.hand(hand, observation) for hand in read.placed.values())
        return self._interaction(observation, hands, watch.timings)

    def read(self, observation: PersonObservation, watch: Stopwatch) -> ReadHands:
        """The hands in the camera frame, smoothed if that is wanted.

        Args:
            observation: what perception saw.
            watch: gets laps for the network and the placement.

        Raises:
            EstimationError: as :meth:`estimate`.
        """
        memory = self._memory_of(observation)
        looking = self._settings.interwild_boxes == "network"
        view = view_of_person(observation) if looking else view_of_hands(observation)
        if view is None:
            memory.hands, memory.interacting = {}, False
            return ReadHands({}, together=False)
        seen = self._runner.run(observation.frame.image, view.canvas, view.boxes)
        seen = self._believed(seen)
        watch.lap("interwild_network")
        read = self._placed(seen, observation, memory)
        if self._settings.smoothing:
            read = self._smoothed(read, observation, memory)
        watch.lap("interwild_placement")
        return read

    def hand(self, placed: PlacedHand, observation: PersonObservation) -> Hand:
        """The result for one hand; it touches nothing, for InterWild knows no face."""
        seen = placed.seen
        landmarks = landmarks_of(seen.side, observation)
        left, top, right, bottom = map(float, seen.box)
        confidence = seen.confidence
        if confidence is None:
            confidence = 0.0 if landmarks is None else landmarks.presence
        topology = self._topologies[seen.side]
        return Hand(
            side=seen.side,
            confidence=confidence,
            box=Box(left, top, right - left, bottom - top),
            topology=topology.id,
            vertices=placed.vertices.astype(np.float32),
            joints=placed.joints.astype(np.float32),
            contact=np.zeros(topology.vertex_count, dtype=np.float32),
            contact_presence=0.0,
            touch=TouchDecision.NO_OVERLAP,
            global_orient=axis_angle_from_matrix(placed.turn).astype(np.float32),
            transl=placed.wrist.astype(np.float32),
            # The model's own angles, as of every mesh of this topology: about the flat hand.
            hand_pose=seen.finger_pose + self._mean_pose[seen.side],
            betas=seen.shape,
            scale=1.0,
            depth_ratio=1.0,
            fit_rms_px=placed.rms_px,
        )

    def _memory_of(self, observation: PersonObservation) -> _PersonMemory:
        if observation.is_new:
            self._persons.pop(observation.person_id, None)
        return self._persons.setdefault(observation.person_id, _PersonMemory())

    def _believed(self, seen: SeenHands) -> SeenHands:
        """Without hands whose boxes the network is not sure enough of; given boxes all count."""
        least = self._settings.interwild_confidence_min
        hands = {
            side: hand
            for side, hand in seen.hands.items()
            if hand.confidence is None or hand.confidence >= least
        }
        if len(hands) == len(seen.hands):
            return seen
        return SeenHands(hands, None, None)

    def _placed(
        self, seen: SeenHands, observation: PersonObservation, memory: _PersonMemory
    ) -> ReadHands:
        boxes = [hand.box for hand in seen.hands.values()]
        memory.interacting = len(boxes) == len(HandSide) and interact(
            boxes[0], boxes[1], before=memory.interacting
        )
        if memory.interacting:
            together = place_together(seen, observation.camera)
            if together is not None:
                return ReadHands(together, together=True)
        alone = {side: place_alone(hand, observation.camera) for side, hand in seen.hands.items()}
        placed = {side: hand for side, hand in alone.items() if hand is not None}
        if seen.hands and not placed:
            raise EstimationError(
                "implausible_placement",
                "what the network says about the hands places none of them within reach in front "
                "of the camera: there are none, or the weights are not InterWild's",
            )
        return ReadHands(placed, together=False)

    def _smoothed(
        self, read: ReadHands, observation: PersonObservation, memory: _PersonMemory
    ) -> ReadHands:
        settings, stamp = self._settings, observation.frame.stamp_ns
        smoothed, kept = {}, {}
        for side, hand in read.placed.items():
            landmarks = landmarks_of(side, observation)
            track_id = -1 if landmarks is None else landmarks.track_id
            known = memory.hands.get(side)
            if known is None or known.track_id != track_id:
                known = _HandMemory(track_id)
            kept[side] = known
            wrist = known.centre.smooth(hand.wrist, stamp, settings)
            points = np.concatenate([hand.vertices, hand.joints]) - hand.wrist
            points = known.shape.smooth(points, stamp, settings) + wrist
            count = len(hand.vertices)
            smoothed[side] = replace(
                hand,
                vertices=points[:count],
                joints=points[count:],
                turn=known.turn.smooth(
                    hand.turn, stamp, settings.smoothing_min_cutoff_hz, settings.smoothing_beta
                ),
            )
        memory.hands = kept
        return ReadHands(smoothed, read.together)

    def _interaction(
        self,
        observation: PersonObservation,
        hands: tuple[Hand, ...],
        timings: tuple[StageTiming, ...],
    ) -> Interaction:
        return Interaction(
            stamp_ns=observation.frame.stamp_ns,
            frame_id=observation.frame.frame_id,
            person_id=observation.person_id,
            source=self._name,
            face=None,
            hands=hands,
            contacts=(),
            camera=observation.camera,
            scale_source=ScaleSource.NETWORK,
            contact_source=ContactSource.NONE,
            deformation_source=DeformationSource.NONE,
            timings=timings,
        )


def landmarks_of(side: HandSide, observation: PersonObservation) -> HandLandmarks | None:
    """What perception saw of a hand."""
    return next((hand for hand in observation.hands if hand.side is side), None)


def between_wrists(read: ReadHands, start: HandSide, end: HandSide) -> Float64Array:
    """(3,) metres, cam: from one wrist to the other."""
    return np.asarray(read.placed[end].wrist - read.placed[start].wrist)
