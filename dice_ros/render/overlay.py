"""Overlay pictures: reconstructed meshes, contact and deformation drawn over the camera image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from dice_ros.body.vertex_normals import vertex_normals
from dice_ros.camera import Camera
from dice_ros.render.legend import draw_legend
from dice_ros.render.palette import CONTACT_RED, FACE_TINT, HAND_TINTS, vertex_colours
from dice_ros.render.rasterizer import NEAR_M, Fragments, Rasterizer
from dice_ros.render.shading import Lights, interpolate, light
from dice_ros.types import (
    Face,
    Float32Array,
    Float64Array,
    Frame,
    Hand,
    Int32Array,
    Interaction,
    MeshTopology,
    UInt8Array,
)

LONGEST_SIDE_PX = 1280
"""Larger images are drawn reduced to this."""

_FACE_OPACITY, _HAND_OPACITY = 0.62, 0.70
_NECK_FADE_M = 0.045
_THROUGH_HAND = 0.75  # how much of the face's contact shows through the hand that covers it
_HAND_DEPTH_MARGIN_M = 0.004  # a hand pressed this far into the face still lies on top
_EDGE_DEPTH_M = 0.012


@dataclass(frozen=True, slots=True, eq=False)
class _Layer:
    """Meshes of one kind, joined; V vertices, F triangles."""

    pixels: Float64Array
    depth: Float64Array
    vertices: Float32Array
    normals: Float32Array
    colours: Float32Array
    opacity: Float32Array
    contact: Float32Array
    triangles: Int32Array


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """A camera whose picture is drawn reduced by ``scale``."""

    camera: Camera
    scale: float

    def pixels(self, vertices: Float32Array) -> Float64Array:
        """(V, 2) pixels of the drawn picture; NaN for vertices too near or behind."""
        pixels = np.full((len(vertices), 2), np.nan)
        in_front = vertices[:, 2] > NEAR_M
        if in_front.any():
            # Pixel centres are at whole numbers, so reducing keeps (u + 0.5) proportional.
            pixels[in_front] = (self.camera.project(vertices[in_front]) + 0.5) * self.scale - 0.5
        return pixels


class OverlayRenderer:
    """Draws results on the images they came from.

    Faces are bluish white, right hands orange, left hands green, all half transparent. Contact is
    red on both meshes and shows through the hand that covers it; displaced skin goes from yellow
    to magenta.

    Args:
        topologies: every topology the interactions may refer to.
    """

    def __init__(self, topologies: Sequence[MeshTopology]) -> None:
        self._topologies = {topology.id: topology for topology in topologies}
        self._lights = Lights(key=0.75, fill=0.2, ambient=0.22)

    def draw(self, frame: Frame, interactions: Sequence[Interaction]) -> UInt8Array:
        """Draw everybody and a legend.

        Args:
            frame: the image.
            interactions: what was found in it; may be empty.

        Returns:
            (H', W', 3) uint8 RGB, the image's size, reduced if its longer side exceeds
            :data:`LONGEST_SIDE_PX`.

        Raises:
            ValueError: a mesh has a topology that was not given.
        """
        height, width = frame.image.shape[:2]
        scale = min(1.0, LONGEST_SIDE_PX / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        if scale < 1.0:
            reduced = cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA)
            picture: UInt8Array = np.asarray(reduced, dtype=np.uint8)
        else:
            picture = frame.image.copy()
        self._draw_meshes(picture, interactions, scale)
        draw_legend(picture, interactions)
        return picture

    def _draw_meshes(
        self, picture: UInt8Array, interactions: Sequence[Interaction], scale: float
    ) -> None:
        faces, hands = [], []
        for interaction in interactions:
            view = _View(interaction.camera, scale)
            if interaction.face is not None:
                faces.append(self._face_layer(interaction.face, view))
            hands += [self._hand_layer(hand, view) for hand in interaction.hands]
        rasterizer = Rasterizer(picture.shape[1], picture.shape[0], cull_back_faces=True)
        face_depth = np.full(picture.shape[:2], np.inf, dtype=np.float32)
        face_contact = np.zeros(picture.shape[:2], dtype=np.float32)
        if faces:
            layer = _joined(faces)
            seen = rasterizer.draw_projected(layer.pixels, layer.depth, layer.triangles)
            face_depth = seen.depth
            face_contact[seen.covered] = interpolate(layer.contact, layer.triangles, seen)
            self._paint(picture, layer, seen, None)
        if hands:
            layer = _joined(hands)
            seen = rasterizer.draw_projected(layer.pixels, layer.depth, layer.triangles)
            seen = _hidden_behind(seen, face_depth + _HAND_DEPTH_MARGIN_M)
            self._paint(picture, layer, seen, face_contact)

    def _face_layer(self, face: Face, view: _View) -> _Layer:
        colours = vertex_colours(FACE_TINT, face.contact, face.deformation)
        down = (face.vertices - face.pose.translation) @ face.pose.rotation[:, 1]
        # The mesh ends in a ragged cut through the neck: let it fade out instead.
        opacity = _FACE_OPACITY * np.clip((down.max() - down) / _NECK_FADE_M - 0.3, 0.0, 1.0)
        return self._layer(face, view, colours, opacity)

    def _hand_layer(self, hand: Hand, view: _View) -> _Layer:
        colours = vertex_colours(HAND_TINTS[hand.side], hand.contact)
        return self._layer(hand, view, colours, np.full(len(hand.vertices), _HAND_OPACITY))

    def _layer(
        self, mesh: Face | Hand, view: _View, colours: Float32Array, opacity: Float64Array
    ) -> _Layer:
        topology = self._topologies.get(mesh.topology)
        if topology is None:
            known = ", ".join(self._topologies) or "none"
            raise ValueError(f"mesh of topology {mesh.topology!r}, known are: {known}")
        vertices = mesh.vertices
        return _Layer(
            view.pixels(vertices),
            vertices[:, 2].astype(np.float64),
            vertices,
            vertex_normals(vertices, topology.triangles),
            colours,
            opacity.astype(np.float32),
            mesh.contact.astype(np.float32),
            topology.triangles,
        )

    def _paint(
        self,
        picture: UInt8Array,
        layer: _Layer,
        seen: Fragments,
        contact_below: Float32Array | None,
    ) -> None:
        """Blend a layer over the picture, in place."""
        covered = seen.covered
        if not covered.any():
            return
        attributes = np.concatenate(
            [layer.normals, layer.vertices, layer.colours, layer.opacity[:, None]], axis=1
        )
        blended = interpolate(attributes, layer.triangles, seen)
        normals, points, colours = blended[:, :3], blended[:, 3:6], blended[:, 6:9]
        opacity = blended[:, 9:]
        if contact_below is not None:
            through = _THROUGH_HAND * contact_below[covered][:, None]
            colours = colours + (CONTACT_RED - colours) * through
        shade = light(normals, -points, self._lights).diffuse[:, None]
        edge = _edges(seen)[covered][:, None]
        drawn = 255.0 * np.clip(colours * np.minimum(shade, 1.15), 0.0, 1.0)
        drawn = drawn * (1.0 - 0.75 * edge)
        opacity = np.maximum(opacity, 0.85 * edge * (opacity > 0.3))
        below = picture[covered].astype(np.float32)
        picture[covered] = (below + (drawn - below) * opacity + 0.5).astype(np.uint8)


def _joined(layers: Sequence[_Layer]) -> _Layer:
    offsets = np.cumsum([0, *(len(layer.vertices) for layer in layers[:-1])])
    triangles = [layer.triangles + offset for layer, offset in zip(layers, offsets, strict=True)]
    return _Layer(
        np.concatenate([layer.pixels for layer in layers]),
        np.concatenate([layer.depth for layer in layers]),
        np.concatenate([layer.vertices for layer in layers]),
        np.concatenate([layer.normals for layer in layers]),
        np.concatenate([layer.colours for layer in layers]),
        np.concatenate([layer.opacity for layer in layers]),
        np.concatenate([layer.contact for layer in layers]),
        np.concatenate(triangles).astype(np.int32),
    )


def _hidden_behind(seen: Fragments, occluder_depth: Float32Array) -> Fragments:
    """Fragments without those farther away than something else."""
    hidden = seen.depth > occluder_depth
    triangle = np.where(hidden, np.int32(-1), seen.triangle)
    return Fragments(np.where(hidden, np.inf, seen.depth), triangle, seen.barycentric)


def _edges(seen: Fragments) -> Float32Array:
    """(H, W) float32, 1 on outlines: where depth jumps away from a covered pixel."""
    depth = np.where(np.isfinite(seen.depth), seen.depth, np.float32(1e3))
    beyond = np.zeros_like(depth)
    np.maximum(beyond[:, 1:], depth[:, :-1], out=beyond[:, 1:])
    np.maximum(beyond[:, :-1], depth[:, 1:], out=beyond[:, :-1])
    np.maximum(beyond[1:], depth[:-1], out=beyond[1:])
    np.maximum(beyond[:-1], depth[1:], out=beyond[:-1])
    return np.asarray(beyond - depth > _EDGE_DEPTH_M, dtype=np.float32)
