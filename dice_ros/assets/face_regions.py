"""Named regions, drawing materials and stiffness of the open head, from its landmarks.

Each skin vertex gets the region of the landmark seed nearest to it, except inside the outlines of
brows and lips, which the landmarks draw exactly, and from the ears backwards, where there are none.
Regions are set on the person's right half and mirrored, so they are symmetric by construction, and
each is one patch. ``left`` and ``right`` are the person's own.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import diags
from scipy.sparse.linalg import spsolve
from scipy.spatial import cKDTree

from dice_ros.assets.head_geometry import HeadGeometry
from dice_ros.body.open_head import MATERIAL_NAMES
from dice_ros.body.region_labels import swap_sides, without_islands
from dice_ros.contact.skin import uniform_laplacian
from dice_ros.types import BoolArray, Float64Array, UInt8Array

REGION_NAMES = (
    *("none", "forehead", "left_temple", "right_temple", "left_eyebrow", "right_eyebrow"),
    *("left_eye", "right_eye", "nose_bridge", "nose_tip", "left_nostril", "right_nostril"),
    *("left_cheek", "right_cheek", "left_cheekbone", "right_cheekbone", "upper_lip", "lower_lip"),
    *("mouth", "chin", "left_jaw", "right_jaw", "left_ear", "right_ear", "scalp", "neck"),
)

# Landmark numbers of the MediaPipe face mesh on the person's right half and the midline.
_MIDDLE_SEEDS: dict[str, tuple[int, ...]] = {
    "forehead": (10, 151, 9, 108, 69, 104, 109, 67, 103),
    "nose_bridge": (168, 6, 197, 195, 193, 122, 196),
    "nose_tip": (1, 4, 5, 19, 44, 45),
    "upper_lip": (164, 167, 165, 92),
    "lower_lip": (18, 83, 182, 106),
    "chin": (152, 199, 175, 200, 148, 208, 171, 201, 140, 32),
}
_RIGHT_SEEDS: dict[str, tuple[int, ...]] = {
    "temple": (127, 162, 21, 139, 71, 54),
    "eyebrow": (52, 53, 65, 55, 46),
    "eye": (159, 145, 27, 23, 247, 110, 33, 133, 24, 22, 130, 243),
    "nostril": (98, 64, 48, 129, 219, 235, 240),
    "cheek": (50, 205, 187, 207, 36, 101, 206, 216, 147, 192, 203, 142),
    "cheekbone": (116, 117, 123, 111, 118, 119, 143, 227, 137, 93),
    "jaw": (172, 136, 150, 58, 138, 135, 215, 169, 170, 149, 132),
}
# The neck has no landmarks: its seeds lie below and behind those of the jaw, metres.
_NECK_SEEDS = (
    (152, (0.0, 0.045, 0.045)),
    (152, (0.0, 0.012, 0.055)),
    (136, (0.0, 0.035, 0.045)),
    (172, (0.0, 0.045, 0.03)),
    (172, (0.0, 0.025, 0.02)),
)
_LIPS_OUTER = (
    *(61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185),
)
_LIPS_INNER = (
    *(78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191),
)
_RIGHT_BROW = (46, 53, 52, 65, 55, 107, 66, 105, 63, 70)
_LIP_PARTING = (13, 14)

_SCALP_Y_M, _SCALP_Z_M = -0.075, 0.10
_SKULL_Z_M = 0.11
_NECK_WEIGHT_MIN = 0.6
_IRIS_RADIUS_M, _PUPIL_RADIUS_M = 5.9e-3, 2.6e-3
_FRONT_Z_M = 0.04

_STIFFNESS_SEEDS: dict[float, tuple[int, ...]] = {
    0.10: (0, 17, 61, 37, 84, 39, 181),
    0.12: (50, 205, 187, 207, 36, 216, 192, 147),
    0.20: (145, 23, 159),
    0.35: (1, 4, 98, 64),
    0.45: (152, 199, 175, 200),
    0.60: (172, 136, 58),
    0.65: (116, 117, 123, 111),
    0.92: (10, 151, 9, 108, 69, 104, 168, 6, 127, 21, 70, 105),
}
_NECK_STIFFNESS = 0.5
_SEED_WEIGHT = 10.0


def face_regions(head: HeadGeometry, landmarks: Float64Array) -> UInt8Array:
    """(V,) uint8 labels into :data:`REGION_NAMES`; ``none`` for what nothing can touch."""
    template = head.template
    right = _MIDDLE_SEEDS | {f"right_{name}": seeds for name, seeds in _RIGHT_SEEDS.items()}
    places = np.concatenate([landmarks[list(seeds)] for seeds in right.values()])
    owners = np.repeat(
        [REGION_NAMES.index(name) for name in right], [len(seeds) for seeds in right.values()]
    )
    neck = np.array([landmarks[number] + offset for number, offset in _NECK_SEEDS])
    places = np.concatenate([places, neck])
    owners = np.concatenate([owners, np.full(len(neck), REGION_NAMES.index("neck"))])
    # Everything is mirrored onto the right half (x < 0), where all the seeds are.
    folded = template.copy()
    folded[:, 0] = -np.abs(folded[:, 0])
    places[:, 0] = -np.abs(places[:, 0])
    labels = owners[cKDTree(places).query(folded)[1]].astype(np.uint8)

    index = REGION_NAMES.index
    scalp = (template[:, 1] < _SCALP_Y_M) | (template[:, 2] > _SCALP_Z_M)
    ear = template[head.is_ear]
    scalp |= (labels == index("right_temple")) & (template[:, 2] > ear[:, 2].min())
    labels[scalp] = index("scalp")
    behind = template[:, 2] > np.median(ear[:, 2])
    labels[behind & (labels == index("right_jaw"))] = index("neck")
    labels[(labels == index("scalp")) & (template[:, 1] > ear[:, 1].max())] = index("neck")
    labels[head.neck_weight > _NECK_WEIGHT_MIN] = index("neck")
    labels[head.is_ear] = index("right_ear")
    labels[inside_outline(folded, landmarks[list(_RIGHT_BROW)])] = index("right_eyebrow")
    lips = inside_outline(template, landmarks[list(_LIPS_OUTER)])
    parting = float(landmarks[list(_LIP_PARTING), 1].mean())
    labels[lips & (template[:, 1] < parting)] = index("upper_lip")
    labels[lips & (template[:, 1] >= parting)] = index("lower_lip")
    labels[inside_outline(template, landmarks[list(_LIPS_INNER)])] = index("mouth")

    labels[~head.exterior] = 0
    labels = without_islands(_mirrored(labels, head), head.triangles)
    return _mirrored(labels, head)


def _mirrored(labels: UInt8Array, head: HeadGeometry) -> UInt8Array:
    """The right half's labels on both halves, under the names of their sides."""
    result: UInt8Array = labels.copy()
    on_left = head.template[:, 0] > head.template[head.mirror, 0]
    result[on_left] = swap_sides(REGION_NAMES)[labels[head.mirror[on_left]]]
    return result


def drawing_materials(
    head: HeadGeometry, landmarks: Float64Array, regions: UInt8Array
) -> UInt8Array:
    """(V,) uint8 labels into :data:`MATERIAL_NAMES`."""
    index = MATERIAL_NAMES.index
    materials = np.zeros(len(head.template), dtype=np.uint8)
    materials[~head.exterior] = index("inside")
    materials[regions == REGION_NAMES.index("scalp")] = index("hair")
    materials[inside_outline(head.template, landmarks[list(_LIPS_OUTER)])] = index("lips")
    folded = head.template.copy()
    folded[:, 0] = -np.abs(folded[:, 0])
    brow = inside_outline(folded, landmarks[list(_RIGHT_BROW)])
    materials[brow & head.exterior] = index("brow")
    for side in (-1.0, 1.0):
        eye = np.flatnonzero(head.is_eye & (side * head.template[:, 0] > 0))
        centre = head.template[eye].mean(axis=0)
        front = head.template[eye, 2] < centre[2]
        radius = np.linalg.norm(head.template[eye, :2] - centre[:2], axis=1)
        materials[eye] = index("eye_white")
        materials[eye[front & (radius < _IRIS_RADIUS_M)]] = index("iris")
        materials[eye[front & (radius < _PUPIL_RADIUS_M)]] = index("pupil")
    return materials


def skin_stiffness(head: HeadGeometry, landmarks: Float64Array) -> Float64Array:
    """(V,) resistance of the skin in [0.05, 1]: hand-set seeds, spread biharmonically.

    The seeds say that cheeks and lips are soft, cartilage is firmer, and skin over bone is hard.
    """
    count = len(head.template)
    tree = cKDTree(np.where(head.exterior[:, None], head.template, 1e3))
    value, weight = np.zeros(count), np.zeros(count)
    mirror_x = np.array([-1.0, 1.0, 1.0])
    for firmness, seeds in _STIFFNESS_SEEDS.items():
        places = landmarks[list(seeds)]
        for points in (places, places * mirror_x):
            vertices = tree.query(points)[1]
            value[vertices], weight[vertices] = firmness, _SEED_WEIGHT
    neck = head.neck_weight > _NECK_WEIGHT_MIN
    skull = head.is_ear | (head.template[:, 2] > _SKULL_Z_M) | (head.template[:, 1] < _SCALP_Y_M)
    value[skull], weight[skull] = 1.0, _SEED_WEIGHT
    value[neck], weight[neck] = _NECK_STIFFNESS, _SEED_WEIGHT
    L = uniform_laplacian(head.triangles, count)
    system = (L.T @ L + diags(weight + 1e-6)).tocsc()
    stiffness = np.asarray(spsolve(system, weight * value))
    return np.asarray(np.clip(0.5 * (stiffness + stiffness[head.mirror]), 0.05, 1.0))


def inside_outline(points: Float64Array, outline: Float64Array) -> BoolArray:
    """Which points (V, 3) of the front of the head lie inside an outline seen from the front.

    Args:
        outline: (N, 3) closed polygon; only x and y count (even-odd rule).
    """
    x, y = points[:, 0, None], points[:, 1, None]
    start, end = outline[:, :2], np.roll(outline[:, :2], -1, axis=0)
    straddles = (start[:, 1] > y) != (end[:, 1] > y)
    rise = end[:, 1] - start[:, 1]
    crossing = start[:, 0] + (y - start[:, 1]) * (end[:, 0] - start[:, 0]) / np.where(
        rise == 0.0, 1.0, rise
    )
    inside = (straddles & (x < crossing)).sum(axis=1) % 2 == 1
    return np.asarray(inside & (points[:, 2] < _FRONT_Z_M))
