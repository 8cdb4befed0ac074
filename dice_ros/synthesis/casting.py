"""Random people, looks and cameras for synthetic pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dice_ros.body.open_head import OpenHead
from dice_ros.body.rotation import rotation_about
from dice_ros.camera import Camera
from dice_ros.render.shading import Lights
from dice_ros.synthesis.scene import Backdrop, BackdropKind, Colouring, HeadState, Look, Sensor
from dice_ros.types import Float64Array

WIDTH, HEIGHT = 640, 480

# Pairs of landmarks, image axis (0 x, 1 y) and the distance's standard deviation among adults:
# breadth between the cheekbones, nose bridge to chin, breadth of the nose, between the pupils
# (rounded from Zhuang and Bradtmiller, "Head-and-face anthropometric survey of U.S. respirator
# users", 2005).
_MEASURES = (
    (234, 454, 0, 0.0070),
    (168, 152, 1, 0.0075),
    (129, 358, 0, 0.0042),
    (468, 473, 0, 0.0038),
)
_FARTHEST_SIGMA = 2.0

_SKINS = np.array(
    [
        [0.95, 0.79, 0.70],
        [0.88, 0.69, 0.58],
        [0.78, 0.58, 0.46],
        [0.64, 0.45, 0.34],
        [0.47, 0.32, 0.24],
        [0.34, 0.23, 0.18],
    ]
)
_HAIRS = np.array(
    [
        [0.10, 0.08, 0.07],
        [0.20, 0.13, 0.09],
        [0.36, 0.23, 0.13],
        [0.55, 0.42, 0.25],
        [0.5, 0.5, 0.5],
    ]
)
_IRISES = np.array([[0.27, 0.18, 0.10], [0.36, 0.30, 0.17], [0.30, 0.42, 0.52], [0.30, 0.36, 0.28]])
_EXPRESSIONS = {
    "jawOpen": 0.35,
    "mouthSmileLeft": 0.8,
    "mouthSmileRight": 0.8,
    "browInnerUp": 0.7,
    "browDownLeft": 0.6,
    "browDownRight": 0.6,
    "eyeBlinkLeft": 0.4,
    "eyeBlinkRight": 0.4,
    "mouthPucker": 0.5,
    "mouthFrownLeft": 0.5,
    "mouthFrownRight": 0.5,
    "noseSneerLeft": 0.4,
    "noseSneerRight": 0.4,
}


@dataclass(frozen=True, slots=True)
class HeadAngles:
    """Head pose as angles in radians: ``yaw`` to the image's right, ``pitch`` down, ``roll``."""

    yaw: float
    pitch: float
    roll: float

    def matrix(self) -> Float64Array:
        """(3, 3) head -> cam; all zero looks straight into the camera."""
        x, y, z = np.eye(3)
        turn = [
            rotation_about(axis, np.asarray(angle))
            for axis, angle in ((z, self.roll), (y, -self.yaw), (x, self.pitch))
        ]
        return np.asarray(turn[0] @ turn[1] @ turn[2])


def random_camera(rng: np.random.Generator) -> Camera:
    """640x480, 40 to 65 degrees wide, principal point near the middle."""
    focal = WIDTH / (2.0 * np.tan(0.5 * np.radians(rng.uniform(40.0, 65.0))))
    centre = np.array([0.5 * WIDTH, 0.5 * HEIGHT]) + rng.normal(0.0, 4.0, 2)
    K = np.array([[focal, 0.0, centre[0]], [0.0, focal, centre[1]], [0.0, 0.0, 1.0]])
    return Camera(K, WIDTH, HEIGHT)


def random_head(rng: np.random.Generator, model: OpenHead, camera: Camera) -> HeadState:
    """Somebody 0.4 to 1 m away, mostly inside the picture, looking roughly at the camera."""
    betas = natural_sigma(model) * random_betas(rng, model)
    degrees = np.clip(rng.normal(0.0, (15.0, 8.0, 7.0)), (-35, -20, -20), (35, 20, 20))
    angles = HeadAngles(*np.radians(degrees).tolist())
    distance = rng.uniform(0.4, 1.0)
    free = np.array([0.5 * WIDTH, 0.5 * HEIGHT]) - 0.13 * camera.K[0, 0] / distance
    pixel = camera.K[:2, 2] + rng.uniform(-0.7, 0.7, 2) * np.maximum(free, 0.0)
    ray = np.array([*(pixel - camera.K[:2, 2]) / camera.K[0, 0], 1.0])
    return HeadState(betas, random_expression(rng, model), angles.matrix(), distance * ray)


def random_betas(rng: np.random.Generator, model: OpenHead) -> Float64Array:
    """(40,) standard normal, without freaks."""
    betas = rng.normal(0.0, 1.0, len(model.identity_basis))
    return np.asarray(np.clip(betas, -_FARTHEST_SIGMA, _FARTHEST_SIGMA))


def natural_sigma(model: OpenHead) -> float:
    """Spread of identity coefficients that makes faces differ as much as adults' faces do."""
    corners = model.triangles[model.landmark_triangles]
    ratios = []
    for first, second, axis, sigma in _MEASURES:
        ends = [
            model.identity_basis[:, corners[number], axis] @ model.landmark_barycentric[number]
            for number in (first, second)
        ]
        ratios.append(sigma / float(np.linalg.norm(ends[0] - ends[1])))
    return float(np.mean(ratios))


def random_expression(rng: np.random.Generator, model: OpenHead) -> Float64Array:
    """(52,) mostly calm, left and right alike."""
    strengths: dict[str, float] = {}
    expression = np.zeros(len(model.expression_names))
    for name, most in _EXPRESSIONS.items():
        family = name.removesuffix("Left").removesuffix("Right")
        if family not in strengths:
            strengths[family] = rng.uniform(0.0, 1.0) if rng.uniform() < 0.25 else 0.0
        expression[model.expression_names.index(name)] = most * strengths[family]
    return expression


def random_look(rng: np.random.Generator) -> Look:
    """Light, colours, background and camera quality."""
    return Look(random_lights(rng), random_colouring(rng), random_backdrop(rng), random_sensor(rng))


def random_lights(rng: np.random.Generator) -> Lights:
    """A key light from above on either side, a fill light opposite."""
    side = rng.choice([-1.0, 1.0])
    key = np.array([side * rng.uniform(0.1, 0.9), -rng.uniform(0.3, 1.0), -1.0])
    fill = np.array([-side * rng.uniform(0.4, 1.0), rng.uniform(-0.3, 0.2), -0.6])
    return Lights(
        key,
        fill,
        key=rng.uniform(0.6, 0.95),
        fill=rng.uniform(0.1, 0.35),
        ambient=rng.uniform(0.22, 0.40),
        specular=rng.uniform(0.02, 0.08),
        shininess=rng.uniform(8.0, 25.0),
    )


def random_colouring(rng: np.random.Generator) -> Colouring:
    """Skin from a continuous range of tones; hair and eyes to go with it."""
    tone = rng.uniform(0.0, len(_SKINS) - 1.0)
    skin = np.array([np.interp(tone, np.arange(len(_SKINS)), _SKINS[:, c]) for c in range(3)])
    darkest = tone > 3.0
    hair = _HAIRS[0] if darkest else _HAIRS[rng.integers(len(_HAIRS))]
    iris = _IRISES[0] if darkest else _IRISES[rng.integers(len(_IRISES))]
    return Colouring(skin * rng.uniform(0.96, 1.03, 3), hair, iris, rng.uniform(0.1, 0.75, 3))


def random_backdrop(rng: np.random.Generator) -> Backdrop:
    """A wall, a blurred room or something cloudy."""
    kinds = list(BackdropKind)
    base = rng.uniform(0.2, 0.75)
    top = np.clip(base + rng.normal(0.0, 0.05, 3), 0.05, 0.95)
    bottom = np.clip(top * rng.uniform(0.6, 1.05), 0.05, 0.95)
    return Backdrop(kinds[rng.integers(len(kinds))], top, bottom, int(rng.integers(2**31)))


def random_sensor(rng: np.random.Generator) -> Sensor:
    """From a clean camera to a mediocre one."""
    blur = rng.uniform(0.3, 1.1) if rng.uniform() < 0.4 else 0.0
    return Sensor(blur, rng.uniform(0.002, 0.02), rng.uniform(0.8, 1.15), int(rng.integers(2**31)))
