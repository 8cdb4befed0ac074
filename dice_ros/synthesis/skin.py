"""Ground truth of touch: how far the skin gives way, and which vertices are in contact.

The skin is a thin plate on a soft bed: it minimises ``bending * |L u|^2 + sum_i bed_i |u_i|^2``
while no face vertex may stay inside the hand (hard constraints). L is a Laplacian weighted by
inverse edge length, the bed is stiff over bone and soft over flesh. An estimator that uses a
model of this kind is not independent of it: agreement shows that the computation is right, not
that real skin behaves so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

from dice_ros.body.open_head import OpenHead
from dice_ros.synthesis.figure import PosedHand
from dice_ros.synthesis.surface_distance import Surface
from dice_ros.types import BoolArray, Float32Array, Float64Array, Int32Array

CONTACT_REACH_M = 0.0025
"""Vertices at most this far from the other surface are in contact."""

_BENDING = 2.0
_BED_PER_STIFFNESS, _BED_LEAST = 0.02, 0.002
_SKIN_GAP_M = 5e-5  # pushed vertices end just outside the hand
_MOST_ROUNDS = 12


@dataclass(frozen=True, slots=True, eq=False)
class Touch:
    """What a hand does to a face.

    Attributes:
        deformation: (V, 3) float32, metres, cam: deformed minus undeformed face.
        face_contact: (V,) bool, face vertices in contact after the deformation.
        hand_contact: (Vh,) bool, hand vertices in contact.
        depth: metres, largest displacement.
    """

    deformation: Float32Array
    face_contact: BoolArray
    hand_contact: BoolArray
    depth: float


class Skin:
    """Deforms the open head where a hand presses into it.

    Args:
        head: the head model.
    """

    def __init__(self, head: OpenHead) -> None:
        self._triangles = head.triangles
        self._exterior = head.exterior
        self._exterior_triangles = head.triangles[head.exterior[head.triangles].all(1)]
        laplacian = _laplacian(head.template.astype(np.float64), head.triangles)
        bed = _BED_PER_STIFFNESS * head.stiffness.astype(np.float64) + _BED_LEAST
        system = _BENDING * laplacian.T @ laplacian + sparse.diags(bed)
        self._system = splu(system.tocsc())
        self._count = len(head.template)

    def touch(
        self, face_vertices: NDArray[np.floating], hand: PosedHand, push: Float64Array
    ) -> Touch:
        """Resolve a pose in which the hand may reach into the face.

        Args:
            face_vertices: (V, 3) metres, cam, undeformed.
            hand: the hand in the same frame.
            push: (3,) direction in which the hand presses; skin yields to the hand's surfaces
                that look this way.
        """
        face = np.asarray(face_vertices, dtype=np.float64)
        moved = self._push_out(face, hand, push / np.linalg.norm(push))
        deformed = face + moved
        face_contact = np.zeros(self._count, dtype=bool)
        surface = Surface(hand.vertices, hand.triangles)
        exterior = np.flatnonzero(self._exterior)
        reached = np.isfinite(surface.closest(deformed[exterior], CONTACT_REACH_M).distance)
        face_contact[exterior[reached]] = True
        skin = Surface(deformed, self._exterior_triangles)
        hand_contact = np.isfinite(skin.closest(hand.vertices, CONTACT_REACH_M).distance)
        depth = float(np.linalg.norm(moved, axis=1).max())
        return Touch(moved.astype(np.float32), face_contact, hand_contact, depth)

    def _push_out(self, face: Float64Array, hand: PosedHand, push: Float64Array) -> Float64Array:
        """(V, 3) displacement that leaves no exterior vertex inside the hand."""
        solid = Surface(hand.vertices, hand.triangles)
        normals = solid.normals(np.arange(len(hand.triangles)))
        leading = Surface(hand.vertices, hand.triangles[normals @ push > 0.0])
        exterior = np.flatnonzero(self._exterior)
        moved = np.zeros_like(face)
        held = np.zeros(0, dtype=np.int64)
        columns = np.zeros((self._count, 0))
        for _ in range(_MOST_ROUNDS):
            found = exterior[solid.inside(face[exterior] + moved[exterior])]
            added = np.setdiff1d(found, held)
            if not len(found):
                break
            if len(added):
                unit = np.zeros((self._count, len(added)))
                unit[added, np.arange(len(added))] = 1.0
                columns = np.concatenate([columns, self._system.solve(unit)], axis=1)
                held = np.concatenate([held, added])
            # Where held vertices are now decides which part of the hand they slide out to.
            target = leading.closest(face[held] + moved[held])
            ahead = leading.normals(target.triangle)
            wanted = target.point + _SKIN_GAP_M * ahead - face[held]
            moved = columns @ np.linalg.solve(columns[held], wanted)
        return moved


def _laplacian(vertices: Float64Array, triangles: Int32Array) -> sparse.csr_matrix:
    """Rows sum to zero; neighbours are weighted by inverse edge length."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges = np.unique(np.sort(edges, axis=1), axis=0)
    length = np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1)
    weight = 1.0 / np.maximum(length, 1e-5)
    count = len(vertices)
    pairs = sparse.coo_matrix((weight, (edges[:, 0], edges[:, 1])), shape=(count, count)).tocsr()
    pairs = pairs + pairs.T
    degree = np.asarray(pairs.sum(1)).ravel()
    inverse = np.divide(1.0, degree, out=np.zeros_like(degree), where=degree > 0)
    return sparse.csr_matrix(
        sparse.diags((degree > 0).astype(float)) - sparse.diags(inverse) @ pairs
    )
