"""Held-out evaluation pictures with exact ground truth.

Every picture is drawn from its own seed (set seed, split, number): a set does not change when
more pictures are asked for, and ``train`` and ``test`` share none.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from dice_ros.body.rotation import matrix_from_axis_angle
from dice_ros.camera import Camera
from dice_ros.synthesis import casting
from dice_ros.synthesis.scene import HandState, HeadState, Scene
from dice_ros.synthesis.staging import Staged, try_staging
from dice_ros.synthesis.studio import FrameTruth, HandAction, Shot, Studio
from dice_ros.types import Float64Array, Frame

Split: TypeAlias = Literal["train", "test"]

EPOCH_NS = 1_700_000_000_000_000_000
FRAME_PERIOD_NS = 100_000_000
HOVER_GAPS_M = (0.02, 0.05, 0.10, 0.15)
MOST_INDENTATION_M = 0.005

_SPLIT_SEEDS = {"train": 1, "test": 2}
_FIRST_SEQUENCE = 1_000_000
_MOST_ATTEMPTS = 300


@dataclass(frozen=True, slots=True, eq=False)
class TruthFrame:
    """A picture of the set and the truth about it."""

    frame: Frame
    truth: FrameTruth


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the hand does, metres: hovers at ``gap``, or touches with ``depth`` if that is None."""

    gap: float | None
    depth: float = 0.0


def truth_frames(
    studio: Studio, split: Split, count: int, seed: int = 0, first: int = 0
) -> Iterator[TruthFrame]:
    """Single pictures; of ten, five touch, four hover at growing distance, one has no hand.

    Args:
        studio: the models.
        split: which pictures.
        count: how many.
        seed: of the whole set.
        first: number of the first one, to divide the work.
    """
    for number in range(first, first + count):
        yield _truth_frame(studio, _Name(split, seed, number))


def truth_sequence(
    studio: Studio, split: Split, number: int, seed: int = 0, length: int = 24
) -> Iterator[TruthFrame]:
    """A short clip of one person who sways: a hand approaches, touches, presses and lets go."""
    name = _Name(split, seed, _FIRST_SEQUENCE + number)
    rng = name.generator()
    look = casting.random_look(rng)
    staged, _ = _stage(rng, studio, _Plan(None))
    phase = rng.uniform(0.0, 2.0 * np.pi)
    for step in range(length):
        plan = _clip_plan(step / max(length - 1, 1))
        state = _carried_out(staged, plan) or staged.arrival.state
        sway = _Sway.at(phase + 0.35 * step, staged.head.translation)
        scene = Scene(staged.camera, sway.head(staged.head), (sway.hand(state),), look)
        push = sway.rotation @ staged.arrival.push if plan.gap is None else None
        shot = studio.shoot(scene, (HandAction(sway.point(staged.elbow), push),), staged.label)
        yield name.numbered(shot, staged.camera, step)


@dataclass(frozen=True, slots=True)
class _Name:
    """Which picture of which set."""

    split: Split
    seed: int
    number: int

    def generator(self) -> np.random.Generator:
        entropy = [self.seed, _SPLIT_SEEDS[self.split], self.number]
        return np.random.default_rng(np.random.SeedSequence(entropy))

    def numbered(self, shot: Shot, camera: Camera, index: int) -> TruthFrame:
        source = f"truth set {self.split}, seed {self.seed}, number {self.number}"
        stamp_ns = EPOCH_NS + index * FRAME_PERIOD_NS
        frame = Frame(shot.image, stamp_ns, source=source, index=index, camera=camera)
        return TruthFrame(frame, shot.truth)


def _truth_frame(studio: Studio, name: _Name) -> TruthFrame:
    rng = name.generator()
    look = casting.random_look(rng)
    plan = _frame_plan(name.number, rng)
    if plan is None:
        camera = casting.random_camera(rng)
        head = casting.random_head(rng, studio.figure.head_model, camera)
        shot = studio.shoot(Scene(camera, head, (), look), (), "no hand")
        return name.numbered(shot, camera, name.number)
    staged, state = _stage(rng, studio, plan)
    push = staged.arrival.push if plan.gap is None else None
    scene = Scene(staged.camera, staged.head, (state,), look)
    shot = studio.shoot(scene, (HandAction(staged.elbow, push),), staged.label)
    return name.numbered(shot, staged.camera, name.number)


def _frame_plan(number: int, rng: np.random.Generator) -> _Plan | None:
    """What picture ``number`` shows; None for nobody's hand."""
    turn = number % 10
    if turn == 9:
        return None
    if turn % 2:
        return _Plan(HOVER_GAPS_M[turn // 2])
    return _Plan(None, 0.0 if turn == 0 else rng.uniform(0.0005, MOST_INDENTATION_M))


def _clip_plan(share: float) -> _Plan:
    """Approach for the first third, press for the second, let go for the last."""
    if share < 1 / 3:
        return _Plan(0.10 * (1.0 - 3.0 * share) + 0.002)
    if share <= 2 / 3:
        return _Plan(None, 0.004 * np.sin(np.pi * (3.0 * share - 1.0)))
    return _Plan(0.10 * (3.0 * share - 2.0) + 0.002)


def _stage(rng: np.random.Generator, studio: Studio, plan: _Plan) -> tuple[Staged, HandState]:
    """A person and the hand that does what is planned, in plain view."""
    for _ in range(_MOST_ATTEMPTS):
        staged = try_staging(rng, studio.figure)
        if staged is None:
            continue
        state = _carried_out(staged, plan)
        if state is not None and staged.sees(studio.figure, state):
            return staged, state
    raise RuntimeError(f"no plausible pose in {_MOST_ATTEMPTS} attempts")


def _carried_out(staged: Staged, plan: _Plan) -> HandState | None:
    if plan.gap is None:
        return staged.arrival.pressed(plan.depth)
    return staged.target.hover(staged.arrival.state, plan.gap)


@dataclass(frozen=True, slots=True, eq=False)
class _Sway:
    """A small rigid motion of the whole person about the head."""

    rotation: Float64Array
    centre: Float64Array
    shift: Float64Array

    @staticmethod
    def at(phase: float, centre: Float64Array) -> _Sway:
        turn = np.array([0.03 * np.sin(0.7 * phase), 0.05 * np.sin(phase), 0.02 * np.cos(phase)])
        shift = np.array([0.010 * np.sin(0.8 * phase), 0.004 * np.cos(1.3 * phase), 0.0])
        return _Sway(matrix_from_axis_angle(turn), centre, shift)

    def point(self, point: Float64Array) -> Float64Array:
        return np.asarray(self.rotation @ (point - self.centre) + self.centre + self.shift)

    def head(self, state: HeadState) -> HeadState:
        return dataclasses.replace(
            state,
            rotation=self.rotation @ state.rotation,
            translation=self.point(state.translation),
        )

    def hand(self, state: HandState) -> HandState:
        return dataclasses.replace(
            state,
            rotation=self.rotation @ state.rotation,
            translation=self.point(state.translation),
        )
