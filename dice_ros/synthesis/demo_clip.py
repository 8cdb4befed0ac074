"""The demonstration clip: a rendered person touches their face, then a real photograph.

The rendered part comes with exact ground truth; nobody measured the photograph.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from dice_ros.body.open_hand import OpenHand
from dice_ros.body.open_head import OpenHead
from dice_ros.camera import Camera
from dice_ros.errors import AssetError
from dice_ros.render.shading import Lights
from dice_ros.synthesis import casting
from dice_ros.synthesis.hand_spot import touch_spot
from dice_ros.synthesis.placement import FaceTarget, moved
from dice_ros.synthesis.posture import posture_angles
from dice_ros.synthesis.scene import (
    Backdrop,
    BackdropKind,
    Colouring,
    HandState,
    HeadState,
    Look,
    Scene,
    Sensor,
)
from dice_ros.synthesis.staging import arm_direction, elbow_of, landmark_position
from dice_ros.synthesis.storyboard import (
    PHOTOGRAPH_FRAMES,
    RENDERED_FRAMES,
    SCRIPTS,
    HandScript,
    head_at,
)
from dice_ros.synthesis.studio import Category, FrameTruth, HandAction, Studio
from dice_ros.types import Float64Array, Frame, UInt8Array

WIDTH, HEIGHT = 640, 480
FOCAL_PX = 640.0
EPOCH_NS = 1_700_000_000_000_000_000
FRAME_PERIOD_NS = 100_000_000
FRAME_COUNT = RENDERED_FRAMES + PHOTOGRAPH_FRAMES

_PERSON_SEED = 10


class DemoClip:
    """Makes the clip, the same bytes every time.

    Args:
        asset_dir: folder with ``head.npz``, ``hand.npz`` and ``astronaut.png``.
    """

    def __init__(self, asset_dir: Path) -> None:
        self._head_model = OpenHead.load(asset_dir / "head.npz")
        self._studio = Studio(self._head_model, OpenHand.load(asset_dir / "hand.npz"))
        self._photograph = _load_photograph(asset_dir / "astronaut.png")
        K = np.array([[FOCAL_PX, 0.0, 0.5 * WIDTH], [0.0, FOCAL_PX, 0.5 * HEIGHT], [0.0, 0.0, 1.0]])
        self.camera = Camera(K, WIDTH, HEIGHT)
        rng = np.random.default_rng(_PERSON_SEED)
        model = self._head_model
        self._betas = casting.natural_sigma(model) * casting.random_betas(rng, model)

    @staticmethod
    def generate(
        asset_dir: Path,
        progress: Callable[[int, int], None] | None = None,
        workers: int = 1,
    ) -> Iterator[tuple[Frame, FrameTruth]]:
        """Make the whole clip, about half a second of one core per frame.

        Args:
            asset_dir: folder of the prepared assets.
            progress: called with (frames done, frames in all) after every frame.
            workers: processes that share the work; the result does not depend on it.
        """
        for index, made in enumerate(_made(asset_dir, workers)):
            yield made
            if progress is not None:
                progress(index + 1, FRAME_COUNT)

    def frame(self, index: int) -> tuple[Frame, FrameTruth]:
        """Make one frame; frames do not depend on each other."""
        if not 0 <= index < FRAME_COUNT:
            raise IndexError(f"frame {index} of a clip of {FRAME_COUNT}")
        if index < RENDERED_FRAMES:
            image, truth = self._rendered(index)
        else:
            image, truth = self._photographed(index - RENDERED_FRAMES)
        stamp_ns = EPOCH_NS + index * FRAME_PERIOD_NS
        frame = Frame(image, stamp_ns, source="demo clip", index=index, camera=self.camera)
        return frame, truth

    def _rendered(self, index: int) -> tuple[UInt8Array, FrameTruth]:
        head = head_at(index, self._head_model, self._betas)
        target = FaceTarget(self._studio.figure, self._studio.figure.head(head))
        states, actions, phase = [], [], "face only"
        for script in SCRIPTS:
            key = script.at(index)
            if key is None:
                continue
            phase = key.phase
            state, action = self._acted(script, index, head, target)
            states.append(state)
            actions.append(action)
        scene = Scene(self.camera, head, tuple(states), _look(index))
        shot = self._studio.shoot(scene, actions, phase)
        return shot.image, shot.truth

    def _acted(
        self, script: HandScript, index: int, head: HeadState, target: FaceTarget
    ) -> tuple[HandState, HandAction]:
        """The hand of a script in a frame."""
        key = script.at(index)
        assert key is not None
        figure = self._studio.figure
        ends = [landmark_position(figure, target, landmark) for landmark in script.landmarks]
        place = target.place(ends[0] + key.slide * (ends[1] - ends[0]))
        angles = posture_angles(script.posture)
        arm = head.rotation @ arm_direction(script.side)
        hand = HandState(script.side, angles, np.zeros(3), 1.0, np.eye(3), np.zeros(3))
        arrival = target.arrive(hand, touch_spot(figure.poser, angles, script.spot), place, arm)
        if arrival is None:
            raise RuntimeError(f"the {script.side.value} hand cannot reach its place in {index}")
        if key.lift_mm <= 0.0:
            state = arrival.pressed(-1e-3 * key.lift_mm)
            return state, HandAction(elbow_of(state, arm), arrival.push)
        state = _lifted(arrival.state, arm, 1e-3 * key.lift_mm)
        return state, HandAction(elbow_of(state, arm), None)

    def _photographed(self, step: int) -> tuple[UInt8Array, FrameTruth]:
        """The photograph, slowly zoomed and panned."""
        share = step / max(PHOTOGRAPH_FRAMES - 1, 1)
        zoom = 1.5 + 0.25 * share
        centre = np.array([222.0 + 10.0 * share, 150.0 + 8.0 * np.sin(2.0 * np.pi * share)])
        warp = np.array(
            [
                [zoom, 0.0, 0.5 * WIDTH - zoom * centre[0]],
                [0.0, zoom, 0.45 * HEIGHT - zoom * centre[1]],
            ]
        )
        image = cv2.warpAffine(
            self._photograph,
            warp,
            (WIDTH, HEIGHT),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        nothing = np.zeros((0, 3), dtype=np.float32)
        truth = FrameTruth(
            Category.NO_HAND,
            "photograph",
            None,
            nothing,
            nothing,
            nothing,
            np.zeros(0, dtype=bool),
            (),
        )
        return np.ascontiguousarray(image, dtype=np.uint8), truth


def _made(asset_dir: Path, workers: int) -> Iterator[tuple[Frame, FrameTruth]]:
    if workers <= 1:
        yield from map(DemoClip(asset_dir).frame, range(FRAME_COUNT))
        return
    # Spawned, not forked: the caller may run threads (DDS, networks).
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, _start_worker, (asset_dir,)) as pool:
        yield from pool.imap(_worked, range(FRAME_COUNT), chunksize=4)


_worker_clips: list[DemoClip] = []


def _start_worker(asset_dir: Path) -> None:
    _worker_clips.append(DemoClip(asset_dir))


def _worked(index: int) -> tuple[Frame, FrameTruth]:
    return _worker_clips[0].frame(index)


def _lifted(state: HandState, arm: Float64Array, lift: float) -> HandState:
    """The hand on its way: towards the camera, and farther out towards the elbow."""
    towards = -state.translation / np.linalg.norm(state.translation)
    aside = arm - towards * (towards @ arm)
    return moved(state, lift * towards + 8.0 * lift * lift * aside)


def _look(index: int) -> Look:
    return Look(
        Lights(
            np.array([-0.45, -0.65, -1.0]),
            np.array([0.9, 0.0, -0.6]),
            key=0.80,
            fill=0.22,
            ambient=0.30,
            specular=0.05,
            shininess=14.0,
        ),
        Colouring(),
        Backdrop(BackdropKind.BLOBS, np.array([0.62, 0.66, 0.68]), np.array([0.42, 0.44, 0.46]), 3),
        Sensor(blur_px=0.0, noise=0.006, seed=index),
    )


def _load_photograph(path: Path) -> UInt8Array:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise AssetError(f"cannot read {path}; prepare the assets again")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)
