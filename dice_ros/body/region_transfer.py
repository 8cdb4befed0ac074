"""Face regions of other head meshes: carried over from the open head through 68 landmarks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from dice_ros.body.landmark_layout import CONTOUR_COUNT, IBUG_68_FROM_478
from dice_ros.body.mesh_mirror import mirror_permutation
from dice_ros.body.open_head import MATERIAL_NAMES, OpenHead
from dice_ros.body.region_labels import RegionLabels, swap_sides, without_islands
from dice_ros.body.similarity import align_similarity
from dice_ros.types import Float64Array, Int32Array, UInt8Array

_SKIN_REACH_M = 0.004
_EYE_MATERIALS = ("eye_white", "iris", "pupil")


def open_head_landmarks_68(head: OpenHead) -> Float64Array:
    """(68, 3) float64 metres, head frame: the iBUG landmarks of the open head's template."""
    chosen = list(IBUG_68_FROM_478)
    corners = head.template[head.triangles[head.landmark_triangles[chosen]]].astype(np.float64)
    return np.asarray(np.einsum("lk,lki->li", head.landmark_barycentric[chosen], corners))


def transfer_face_regions(
    head: OpenHead,
    v_template: NDArray[np.floating],
    triangles: NDArray[np.integer],
    landmarks: NDArray[np.floating],
) -> RegionLabels:
    """Label every vertex of a symmetric head mesh with a face region of the open head.

    The mesh is brought onto the open head by the similarity that fits the landmarks best; each
    vertex then takes the label of the nearest open-head vertex. The visible front of an eyeball
    counts as its eye. A vertex nearest to the inside of the open head (mouth, sockets, nose) takes
    the label of skin within 4 mm, and is ``none`` farther in. The person's right half decides; the
    left half takes its mirror image, and the midline only regions that have no side. A region may
    have patches apart from each other only where the inside of the mesh keeps them apart.

    Args:
        head: the open head.
        v_template: (V, 3) metres, x to the person's left, nearly symmetric about x = 0.
        triangles: (F, 3) its triangles, which tell left-right partners.
        landmarks: (68, 3) the mesh's landmarks in the iBUG layout, same frame.

    Raises:
        AssetError: the template is not symmetric.
    """
    template = np.asarray(v_template, dtype=np.float64)
    partner = mirror_permutation(template, triangles)
    fit = align_similarity(np.asarray(landmarks, dtype=np.float64), open_head_landmarks_68(head))
    points = fit.apply(template)

    names, open_labels = head.region_names, _labels_to_carry(head)
    swapped: UInt8Array = swap_sides(names)
    labels = _nearest_label(head, open_labels, points)
    middle = partner == np.arange(len(template))
    sideless = swapped[open_labels] == open_labels
    labels[middle] = _nearest_label(head, np.where(sideless, open_labels, 0), points[middle])
    # The outer one of two partners tells their sides: a midline need not be at x = 0 everywhere.
    on_left = template[:, 0] > template[partner, 0]
    labels[on_left] = swapped[labels[partner[on_left]]]
    labels = without_islands(labels, np.asarray(triangles, dtype=np.int32))
    labels[on_left] = swapped[labels[partner[on_left]]]
    return RegionLabels(labels, names)


def _labels_to_carry(head: OpenHead) -> UInt8Array:
    """The open head's labels, the front of the eyeballs counted as eyes.

    Scalp lower than the chin is neck: other meshes reach farther down than the open head.
    """
    labels: UInt8Array = head.region_labels.copy()
    chin = open_head_landmarks_68(head)[CONTOUR_COUNT // 2]
    low = head.template[:, 1] > chin[1]
    labels[low & (labels == head.region_names.index("scalp"))] = head.region_names.index("neck")
    eye = np.isin(head.materials, [MATERIAL_NAMES.index(name) for name in _EYE_MATERIALS])
    front = eye & (head.template[:, 2] < 0.0)
    right = head.template[:, 0] < 0.0
    labels[front & right] = head.region_names.index("right_eye")
    labels[front & ~right] = head.region_names.index("left_eye")
    return labels


def _nearest_label(head: OpenHead, labels: UInt8Array, points: Float64Array) -> UInt8Array:
    """(N,) label of the nearest vertex; of the nearest labelled one within reach if that has none.

    Skin whose label was taken away (the sided regions, for the midline) is passed over.
    """
    hidden = _labels_to_carry(head) == 0
    known = np.flatnonzero(labels > 0)
    candidates = np.flatnonzero((labels > 0) | hidden)
    result = labels[candidates[_nearest(head.template[candidates], points)]]
    nearest = known[_nearest(head.template[known], points)]
    gaps = np.linalg.norm(head.template[nearest] - points, axis=1)
    near = (result == 0) & (gaps < _SKIN_REACH_M)
    result[near] = labels[nearest[near]]
    return np.asarray(result)


def _nearest(places: NDArray[np.floating], points: Float64Array) -> Int32Array:
    return np.asarray(cKDTree(places).query(points)[1], dtype=np.int32)
