"""What the open head's skin looks like: lips, brows, lashes, hair, eyes, as soft masks.

Features are painted once into a picture of the template seen from the front, outlined by its own
landmarks, and looked up by the template position of every visible point.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from dice_ros.body.open_head import OpenHead
from dice_ros.body.vertex_normals import vertex_normals
from dice_ros.synthesis.scene import Colouring
from dice_ros.types import Float32Array, Float64Array, Int32Array

_LIPS = [61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185]
_BROWS = (
    [70, 63, 105, 66, 107, 55, 65, 52, 53, 46],
    [300, 293, 334, 296, 336, 285, 295, 282, 283, 276],
)
_UPPER_LIDS = (
    [33, 246, 161, 160, 159, 158, 157, 173, 133],
    [263, 466, 388, 387, 386, 385, 384, 398, 362],
)
_CHEEKS = (50, 280)
_NOSE_TIP = 4
_FOREHEAD = 10

_EAR_HALF_SIZE_M = np.array([0.036, 0.024], dtype=np.float32)
_EARS_BEYOND_M = 0.079
_CROWN_M = np.array([0.012, -0.11, 0.10], dtype=np.float32)
_PIXELS_PER_M = 3000.0
_HALF_WIDTH_M, _ABOVE_M, _BELOW_M = 0.10, 0.10, 0.14
_IRIS_RADIUS_M, _PUPIL_RADIUS_M = 0.0059, 0.0022


class FacePaint:
    """Colours of the visible points of a head.

    Args:
        head: the head model.
    """

    def __init__(self, head: OpenHead) -> None:
        corners = head.template[head.triangles[head.landmark_triangles]]
        self._landmarks = np.einsum("lk,lkc->lc", head.landmark_barycentric, corners)
        self._masks = self._paint_masks()
        part = _components(head.triangles, len(head.template))
        eyes = _eyeballs(part, head.template, self._landmarks)
        self._eye_centres = np.stack([head.template[part == eye].mean(0) for eye in eyes])
        is_eye = np.isin(part, eyes).astype(np.float32)
        normals = vertex_normals(head.template, head.triangles)
        self._ear_centre = _ear_centre(head)
        # What a head's vertices carry to the pixels.
        self.attributes: Float32Array = np.concatenate(
            [head.template, normals[:, 2:], is_eye[:, None]], axis=1
        )

    def colours(self, attributes: Float32Array, colouring: Colouring) -> Float32Array:
        """Colours of visible points.

        Args:
            attributes: (N, 5) blended rows of :attr:`attributes`: template position, z of
                its normal, eyeball or not.
            colouring: of this person.

        Returns:
            (N, 3) float32 RGB, as on a screen (not linear).
        """
        rest, front, eye = attributes[:, :3], -attributes[:, 3], attributes[:, 4]
        skin = skin_tone(rest, colouring)
        masks = self._looked_up(rest) * np.clip(front[:, None] * 4.0, 0.0, 1.0)
        lips = colouring.skin * (0.86, 0.62, 0.62)
        blush = colouring.skin * (1.0, 0.86, 0.84)
        brow = 0.25 * colouring.skin + 0.75 * colouring.hair
        colour = skin
        for mask, paint in zip(masks.T, (blush, lips, brow, 0.5 * colouring.hair), strict=True):
            colour = colour + (paint - colour) * mask[:, None]
        hair = self._hair(rest)[:, None]
        colour = colour + (colouring.hair * _strands(rest)[:, None] - colour) * hair
        ball = np.clip((eye - 0.5) * 20.0 + 0.5, 0.0, 1.0)[:, None]
        return np.asarray(colour + (self._eyes(rest, colouring) - colour) * ball, dtype=np.float32)

    def _paint_masks(self) -> Float32Array:
        """(4, h, w) float32: blush, lips, brows, lashes, seen from the front."""
        width = int(2 * _HALF_WIDTH_M * _PIXELS_PER_M)
        height = int((_ABOVE_M + _BELOW_M) * _PIXELS_PER_M)
        blush, lips, brows, lashes = (np.zeros((height, width), np.float32) for _ in range(4))
        for cheek in _CHEEKS:
            cv2.circle(blush, self._pixel(cheek), int(0.022 * _PIXELS_PER_M), 0.55, -1)
        cv2.circle(blush, self._pixel(_NOSE_TIP), int(0.010 * _PIXELS_PER_M), 0.45, -1)
        cv2.fillPoly(lips, [self._outline(_LIPS)], 1.0)
        for brow in _BROWS:
            cv2.fillPoly(brows, [self._outline(brow)], 0.85)
        for lid in _UPPER_LIDS:
            cv2.polylines(lashes, [self._outline(lid)], False, 0.9, 5)
        blurs = (0.008, 0.0008, 0.0011, 0.0005)
        masks = [
            cv2.GaussianBlur(mask, (0, 0), sigma * _PIXELS_PER_M)
            for mask, sigma in zip((blush, lips, brows, lashes), blurs, strict=True)
        ]
        return np.asarray(masks, dtype=np.float32)

    def _pixel(self, landmark: int) -> tuple[int, int]:
        x, y = _front_view(self._landmarks[landmark : landmark + 1])[0]
        return round(float(x)), round(float(y))

    def _outline(self, landmarks: list[int]) -> Int32Array:
        return np.rint(_front_view(self._landmarks[landmarks])).astype(np.int32)

    def _looked_up(self, rest: Float32Array) -> Float32Array:
        """(N, 4) mask values at template positions."""
        # The painting is finer than any picture of it: the nearest pixel is good enough.
        column, row = np.rint(_front_view(rest)).astype(np.int64).T
        height, width = self._masks.shape[1:]
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        looked = np.zeros((len(rest), len(self._masks)), dtype=np.float32)
        looked[inside] = self._masks[:, row[inside], column[inside]].T
        return looked

    def _hair(self, rest: Float32Array) -> Float32Array:
        """(N,) 0..1: above the hair line and behind the temples, clear of ears and neck."""
        x, y, z = rest.T
        forehead = self._landmarks[_FOREHEAD]
        hairline = forehead[1] - 0.004 - 0.9 * np.maximum(0.0, 0.02 - np.abs(x)) * 0.1
        above = (hairline + 7.0 * np.square(x) - y) / 0.004
        behind = np.minimum((z - 0.085) / 0.006, (0.075 - y) / 0.006)
        top = np.minimum((z - 0.042) / 0.006, (0.012 - y) / 0.006)
        ragged = 0.8 * _ripple(rest, 500.0)
        hair = np.clip(np.maximum(np.maximum(above, behind), top) + ragged, 0.0, 1.0)
        # Ears stay bare; what lies behind and above them does not.
        offset = (rest[:, 1:] - self._ear_centre[1:]) / _EAR_HALF_SIZE_M
        return np.asarray(hair * np.clip(8.0 * (np.linalg.norm(offset, axis=1) - 1.0), 0.0, 1.0))

    def _eyes(self, rest: Float32Array, colouring: Colouring) -> Float32Array:
        offsets = rest[:, None, :2] - self._eye_centres[None, :, :2]
        radius = np.linalg.norm(offsets, axis=2).min(1)
        white = np.tile(np.array([0.88, 0.86, 0.85]), (len(rest), 1))
        ring = np.clip((_IRIS_RADIUS_M - radius) / 0.0004 + 0.5, 0.0, 1.0)[:, None]
        shade = (0.45 + 0.55 * np.clip((_IRIS_RADIUS_M - radius) / 0.0012, 0.0, 1.0))[:, None]
        colour = white + (colouring.iris * 1.2 * shade - white) * ring
        pupil = np.clip((_PUPIL_RADIUS_M - radius) / 0.0004 + 0.5, 0.0, 1.0)[:, None]
        return np.asarray(colour * (1.0 - 0.95 * pupil))


def skin_tone(rest: Float32Array, colouring: Colouring) -> Float64Array:
    """(N, 3) skin colour with a slight mottle, by template position."""
    mottle = 1.0 + 0.025 * _ripple(rest, 160.0) + 0.015 * _ripple(rest[:, ::-1], 420.0)
    return np.asarray(colouring.skin * mottle[:, None])


def _ear_centre(head: OpenHead) -> Float32Array:
    """(3,) middle of what sticks out sideways farther than any skull."""
    return np.asarray(head.template[np.abs(head.template[:, 0]) > _EARS_BEYOND_M].mean(0))


def _strands(rest: Float32Array) -> Float64Array:
    """(N,) brightness of hair that falls from the crown."""
    x, y, z = (rest - _CROWN_M).astype(np.float64).T
    azimuth, fall = np.arctan2(x, z), np.hypot(x, z) + y
    waves = [np.sin(n * azimuth + 40.0 * np.sin(n + 9.0 * fall) / n) for n in (23, 57, 131)]
    return np.asarray(1.0 + 0.10 * np.sum(waves, axis=0))


def _ripple(position: Float32Array | Float64Array, per_m: float) -> Float64Array:
    """(N,) smooth pseudo-random pattern in -1..1 with about ``per_m`` radians per metre."""
    x, y, z = per_m * np.asarray(position, dtype=np.float64).T
    warp = np.sin(0.7 * x + 1.3 * y) + np.sin(0.9 * y - 1.1 * z)
    return np.asarray(0.5 * (np.sin(x + 1.7 * warp) + np.sin(1.3 * y - 0.8 * z + warp)))


def _front_view(points: Float32Array) -> Float64Array:
    """(N, 2) pixels of the painted picture."""
    offset = np.array([_HALF_WIDTH_M, _ABOVE_M])
    return np.asarray((points[:, :2] + offset) * _PIXELS_PER_M, dtype=np.float64)


def _components(triangles: Int32Array, count: int) -> Int32Array:
    """(V,) number of the connected part each vertex belongs to."""
    edges = triangles[:, [0, 1, 1, 2]].reshape(-1, 2)
    links = sparse.coo_matrix((np.ones(len(edges)), edges.T), shape=(count, count))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int32)


def _eyeballs(part: Int32Array, template: Float32Array, landmarks: Float64Array) -> list[int]:
    """The two small parts nearest to the irises."""
    small = [number for number in np.unique(part) if (part == number).sum() < 400]
    centres = np.stack([template[part == number].mean(0) for number in small])
    return [
        int(small[np.linalg.norm(centres - landmarks[iris], axis=1).argmin()])
        for iris in (468, 473)
    ]
