"""One scene in, one picture and everything true about it out."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dice_ros.body.open_hand import OpenHand
from dice_ros.body.open_head import OpenHead
from dice_ros.synthesis.figure import Figure, PosedHand
from dice_ros.synthesis.photo import Photographer
from dice_ros.synthesis.placement import FaceTarget
from dice_ros.synthesis.scene import HandState, HeadState, Scene
from dice_ros.synthesis.skin import Skin
from dice_ros.types import BoolArray, Float32Array, Float64Array, UInt8Array


class Category(enum.Enum):
    """What a picture shows."""

    NO_HAND = "no_hand"
    TOUCHING = "touching"
    HOVERING = "hovering"


@dataclass(frozen=True, slots=True, eq=False)
class HandAction:
    """What one hand of a scene does.

    Attributes:
        elbow: (3,) metres, cam, where its forearm comes from.
        push: (3,) unit, cam, direction it presses in; None if it does not touch.
    """

    elbow: Float64Array
    push: Float64Array | None


@dataclass(frozen=True, slots=True, eq=False)
class HandTruth:
    """The truth about one hand.

    Attributes:
        state: pose and size.
        vertices: (V, 3) float32, metres, cam.
        joints: (21, 3) float32, metres, cam.
        contact: (V,) bool.
        gap: metres, smallest distance to the undeformed face; 0 when touching.
    """

    state: HandState
    vertices: Float32Array
    joints: Float32Array
    contact: BoolArray
    gap: float


@dataclass(frozen=True, slots=True, eq=False)
class FrameTruth:
    """The truth about one picture.

    Attributes:
        category: touching if any hand touches.
        label: for people: a phase of a clip, or what touches where.
        head: pose, identity and expression; None for a photograph nobody measured.
        undeformed: (V, 3) float32, metres, cam, the face before anybody touched it.
        vertices: (V, 3) float32, metres, cam, the deformed face.
        deformation: (V, 3) float32, metres: their difference.
        contact: (V,) bool, face vertices in contact.
        hands: one per hand of the scene.
    """

    category: Category
    label: str
    head: HeadState | None
    undeformed: Float32Array
    vertices: Float32Array
    deformation: Float32Array
    contact: BoolArray
    hands: tuple[HandTruth, ...]

    @property
    def indentation(self) -> float:
        """Largest displacement of the skin, metres."""
        lengths = np.linalg.norm(self.deformation, axis=1)
        return float(lengths.max(initial=0.0))


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """A picture and the truth about it; ``image`` is (H, W, 3) uint8 RGB."""

    image: UInt8Array
    truth: FrameTruth


class Studio:
    """Poses, deforms and photographs people.

    Args:
        head, hand: the body models.
    """

    def __init__(self, head: OpenHead, hand: OpenHand) -> None:
        self.figure = Figure(head, hand)
        self._skin = Skin(head)
        self._photographer = Photographer(self.figure)

    def shoot(self, scene: Scene, actions: Sequence[HandAction], label: str = "") -> Shot:
        """Take one picture.

        Args:
            scene: who, how posed, how lit.
            actions: one per hand of the scene.
            label: stored with the truth.
        """
        hands = [self.figure.hand(state) for state in scene.hands]
        truth = self.truth(scene, hands, actions, label)
        elbows = [action.elbow for action in actions]
        image = self._photographer.take(scene, truth.vertices, hands, elbows)
        return Shot(image, truth)

    def truth(
        self,
        scene: Scene,
        hands: Sequence[PosedHand],
        actions: Sequence[HandAction],
        label: str = "",
    ) -> FrameTruth:
        """What :meth:`shoot` says is true, without the picture."""
        undeformed = self.figure.head(scene.head)
        target = FaceTarget(self.figure, undeformed)
        vertices = undeformed
        contact = np.zeros(len(undeformed), dtype=bool)
        results = []
        for state, hand, action in zip(scene.hands, hands, actions, strict=True):
            touched = np.zeros(len(hand.vertices), dtype=bool)
            gap = 0.0
            if action.push is None:
                gap = target.clearance(hand)
            else:
                touch = self._skin.touch(vertices, hand, action.push)
                vertices = vertices + touch.deformation
                contact |= touch.face_contact
                touched = touch.hand_contact
            joints = hand.joints.astype(np.float32)
            results.append(HandTruth(state, hand.vertices, joints, touched, gap))
        return FrameTruth(
            _category(actions),
            label,
            scene.head,
            undeformed,
            vertices,
            vertices - undeformed,
            contact,
            tuple(results),
        )


def _category(actions: Sequence[HandAction]) -> Category:
    if not actions:
        return Category.NO_HAND
    touching = any(action.push is not None for action in actions)
    return Category.TOUCHING if touching else Category.HOVERING
