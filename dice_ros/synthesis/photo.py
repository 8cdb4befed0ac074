"""Photographs of synthetic people: meshes to pixels with light, shadow and sensor noise.

Everything is computed in linear light at twice the final resolution, then averaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dice_ros.body.vertex_normals import vertex_normals
from dice_ros.render.rasterizer import Fragments, Rasterizer
from dice_ros.render.shading import interpolate, light
from dice_ros.synthesis.backdrop import paint_backdrop
from dice_ros.synthesis.extrusion import Tube
from dice_ros.synthesis.face_paint import FacePaint, skin_tone
from dice_ros.synthesis.figure import Figure, PosedHand
from dice_ros.synthesis.scene import Colouring, Scene, Sensor
from dice_ros.synthesis.shadow import ShadowMap
from dice_ros.types import Float32Array, Float64Array, Int32Array, UInt8Array

_OVERSAMPLING = 2
_GAMMA = 2.2
_ATTRIBUTES = 5


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """One mesh and what its vertices carry to the pixels."""

    vertices: NDArray[np.floating]
    normals: Float32Array
    triangles: Int32Array
    attributes: Float32Array


class Photographer:
    """Takes pictures of a figure.

    Args:
        figure: the models.
    """

    def __init__(self, figure: Figure) -> None:
        self._figure = figure
        self._paint = FacePaint(figure.head_model)
        self._hand_attributes = _hand_attributes(figure)

    def take(
        self,
        scene: Scene,
        face_vertices: Float32Array,
        hands: Sequence[PosedHand],
        elbows: Sequence[Float64Array],
    ) -> UInt8Array:
        """Take a picture.

        Args:
            scene: who and how; the meshes below replace its undeformed ones.
            face_vertices: (V, 3) metres, cam, the deformed head.
            hands: in the order of ``scene.hands``.
            elbows: (3,) metres, cam, where each forearm comes from.

        Returns:
            (H, W, 3) uint8 RGB of the camera's size.
        """
        figure = self._figure
        torso = figure.torso(scene.head, face_vertices)
        triangles = figure.head_model.triangles
        parts = _continued(face_vertices, triangles, self._paint.attributes, torso)
        for hand, elbow in zip(hands, elbows, strict=True):
            arm = figure.arm(hand, elbow, scene.head)
            triangles = figure.open_triangles(hand)
            parts += _continued(hand.vertices, triangles, self._hand_attributes, arm)
        linear = self._render(scene, parts)
        return develop(linear, scene.look.sensor)

    def _render(self, scene: Scene, parts: Sequence[_Part]) -> Float32Array:
        """(H, W, 3) float32 linear light."""
        camera = scene.camera
        scaled = camera.K * _OVERSAMPLING
        scaled[:2, 2] += 0.5 * (_OVERSAMPLING - 1)
        scaled[2, 2] = 1.0
        width, height = camera.width * _OVERSAMPLING, camera.height * _OVERSAMPLING
        backdrop = paint_backdrop(scene.look.backdrop, camera.width, camera.height)
        picture = cv2.resize(backdrop, (width, height), interpolation=cv2.INTER_LINEAR)

        vertices = np.concatenate([part.vertices for part in parts])
        counts = [len(part.vertices) for part in parts]
        offsets = np.cumsum([0, *counts[:-1]])
        triangles = np.concatenate(
            [part.triangles + offset for part, offset in zip(parts, offsets, strict=True)]
        ).astype(np.int32)
        seen = Rasterizer(width, height, cull_back_faces=True).draw(vertices, triangles, scaled)
        carried = np.concatenate(
            [
                np.concatenate([part.normals for part in parts]),
                vertices,
                np.concatenate([part.attributes for part in parts]),
            ],
            axis=1,
        )
        blended = interpolate(carried, triangles, seen)
        owner = _owners(seen, [len(part.triangles) for part in parts])
        colours = self._colours(blended[:, 6:], owner, scene.look.colouring) ** _GAMMA
        normals, points = blended[:, :3], blended[:, 3:6]
        shadow = ShadowMap(vertices, triangles, scene.look.lights.key_direction)
        lit = light(normals, -points, scene.look.lights, shadow.lit(points, normals))
        picture[seen.covered] = colours * lit.diffuse[:, None] + lit.specular[:, None]
        return np.asarray(
            cv2.resize(picture, (camera.width, camera.height), interpolation=cv2.INTER_AREA),
            dtype=np.float32,
        )

    def _colours(
        self, attributes: Float32Array, owner: Int32Array, colouring: Colouring
    ) -> Float32Array:
        """(N, 3) surface colours; part 0 is the head, then hands; odd ones are tubes."""
        colours = np.empty((len(owner), 3), dtype=np.float32)
        for number in np.unique(owner):
            some = owner == number
            here = attributes[some]
            if number == 0:
                colours[some] = self._paint.colours(here, colouring)
            elif number % 2:
                colours[some] = _clothed(here, colouring)
            else:
                colours[some] = _hand_colours(here, colouring)
        return colours


def develop(linear: Float32Array, sensor: Sensor) -> UInt8Array:
    """Turn linear light into an 8-bit picture the way a camera does.

    Args:
        linear: (H, W, 3) float32.
        sensor: blur, noise, exposure.
    """
    picture: Float32Array = linear * np.float32(sensor.exposure)
    if sensor.blur_px > 0.0:
        picture = cv2.GaussianBlur(picture, (0, 0), sensor.blur_px).astype(np.float32)
    picture = np.clip(picture, 0.0, 1.0) ** (1.0 / _GAMMA)
    if sensor.noise > 0.0:
        rng = np.random.default_rng(sensor.seed)
        picture = picture + sensor.noise * rng.standard_normal(picture.shape, dtype=np.float32)
    return np.asarray(np.clip(255.0 * picture + 0.5, 0.0, 255.0), dtype=np.uint8)


def _owners(seen: Fragments, triangle_counts: Sequence[int]) -> Int32Array:
    """(N,) number of the part seen in every covered pixel."""
    ends = np.cumsum(triangle_counts)
    return np.asarray(
        np.searchsorted(ends, seen.triangle[seen.covered], side="right"), dtype=np.int32
    )


def _continued(
    vertices: Float32Array, triangles: Int32Array, attributes: Float32Array, tube: Tube
) -> list[_Part]:
    """A mesh and the tube that continues it, with common normals where they meet."""
    normals = vertex_normals(vertices, triangles)
    tube_normals = vertex_normals(tube.vertices, tube.triangles)
    rim = len(tube.rim)
    shared = normals[tube.rim] + tube_normals[:rim]
    normals[tube.rim] = tube_normals[:rim] = shared
    carried = np.zeros((len(tube.vertices), _ATTRIBUTES), dtype=np.float32)
    carried[:, 0] = tube.cloth
    carried[:, 1:4] = tube.vertices - tube.vertices[0]
    return [
        _Part(vertices, normals, triangles, attributes),
        _Part(tube.vertices, tube_normals, tube.triangles, carried),
    ]


def _clothed(attributes: Float32Array, colouring: Colouring) -> Float64Array:
    """Skin that disappears under cloth."""
    skin = skin_tone(attributes[:, 1:4], colouring)
    cloth = np.clip(attributes[:, 0] / 0.006, 0.0, 1.0)[:, None]
    return np.asarray(skin + (colouring.shirt - skin) * cloth)


def _hand_attributes(figure: Figure) -> Float32Array:
    """Rest position, how far a vertex looks out of the palm, and whether it is a nail."""
    hand = figure.hand_model
    normals = vertex_normals(hand.template, hand.triangles)
    palmar = normals @ figure.poser.palm_normal
    attributes = np.zeros((len(hand.template), _ATTRIBUTES), dtype=np.float32)
    attributes[:, :3], attributes[:, 3] = hand.template, palmar
    attributes[:, 4] = _nails(figure, normals)
    return attributes


def _nails(figure: Figure, normals: Float32Array) -> Float64Array:
    """(V,) 0..1, 1 in the middle of the back of every fingertip."""
    hand = figure.hand_model
    nails = np.zeros(len(hand.template))
    for tip in (4, 8, 12, 16, 20):
        along = hand.joints[tip] - hand.joints[tip - 1]
        length = float(np.linalg.norm(along))
        along = along / length
        middle = hand.joints[tip] - 0.25 * length * along
        offset = hand.template - middle
        back = -figure.poser.palm_normal
        back = back - along * (back @ along)
        facing = np.clip(2.5 * (normals @ (back / np.linalg.norm(back))) - 1.0, 0.0, 1.0)
        near = np.clip(2.0 - np.linalg.norm(offset, axis=1) / (0.32 * length), 0.0, 1.0)
        nails = np.maximum(nails, facing * near)
    return nails


def _hand_colours(attributes: Float32Array, colouring: Colouring) -> Float64Array:
    skin = skin_tone(attributes[:, :3], colouring)
    palm = np.clip(attributes[:, 3], 0.0, 1.0)[:, None]
    skin = skin * (1.0 + palm * (0.06, 0.01, 0.02))
    nail = np.clip((attributes[:, 4:5] - 0.45) * 5.0, 0.0, 1.0)
    paint = 0.75 * colouring.skin + 0.25 * np.array([1.0, 0.85, 0.85])
    return np.asarray(skin + (paint - skin) * nail)
