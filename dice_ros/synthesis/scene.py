"""What a synthetic picture shows: who, how posed, how lit, seen by which camera."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

import numpy as np

from dice_ros.camera import Camera
from dice_ros.render.shading import Lights
from dice_ros.types import Float64Array, HandSide


@dataclass(frozen=True, slots=True, eq=False)
class HeadState:
    """One head.

    Attributes:
        betas: (40,) identity coefficients, standard deviations.
        expression: (52,) expression coefficients, 0..1.
        rotation: (3, 3) head -> cam.
        translation: (3,) metres, cam, the point between the eyes.
    """

    betas: Float64Array
    expression: Float64Array
    rotation: Float64Array
    translation: Float64Array


@dataclass(frozen=True, slots=True, eq=False)
class HandState:
    """One hand.

    Attributes:
        side: a left hand is the mirror image (x -> -x in the hand frame) of the right one.
        angles: (21,) joint angles, radians, as for ``HandPoser``.
        betas: (3,) shape coefficients, standard deviations.
        scale: size relative to the mean hand.
        rotation: (3, 3) hand -> cam, applied after mirroring.
        translation: (3,) metres, cam, the wrist.
    """

    side: HandSide
    angles: Float64Array
    betas: Float64Array
    scale: float
    rotation: Float64Array
    translation: Float64Array


class BackdropKind(enum.Enum):
    """What is behind the person."""

    GRADIENT = "gradient"
    BLOBS = "blobs"
    NOISE = "noise"


@dataclass(frozen=True, slots=True, eq=False)
class Backdrop:
    """The background.

    Attributes:
        kind: pattern.
        top, bottom: (3,) RGB 0..1.
        seed: of the pattern.
    """

    kind: BackdropKind
    top: Float64Array
    bottom: Float64Array
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class Colouring:
    """Colours of a person, all (3,) RGB 0..1."""

    skin: Float64Array = field(default_factory=lambda: np.array([0.80, 0.60, 0.50]))
    hair: Float64Array = field(default_factory=lambda: np.array([0.17, 0.11, 0.08]))
    iris: Float64Array = field(default_factory=lambda: np.array([0.30, 0.22, 0.14]))
    shirt: Float64Array = field(default_factory=lambda: np.array([0.25, 0.35, 0.48]))


@dataclass(frozen=True, slots=True, eq=False)
class Sensor:
    """Imperfections of the camera.

    Attributes:
        blur_px: standard deviation of the Gaussian blur, pixels.
        noise: standard deviation of the pixel noise, of full scale.
        exposure: factor on all light.
        seed: of the noise.
    """

    blur_px: float = 0.0
    noise: float = 0.008
    exposure: float = 1.0
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """Everything about a picture that is not geometry."""

    lights: Lights
    colouring: Colouring
    backdrop: Backdrop
    sensor: Sensor


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Everything a picture is made from.

    Attributes:
        camera: without lens distortion.
        head: the person's head.
        hands: at most one left and one right.
        look: light, colours, background, sensor.
    """

    camera: Camera
    head: HeadState
    hands: tuple[HandState, ...]
    look: Look
