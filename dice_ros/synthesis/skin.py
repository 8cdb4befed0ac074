"""Ground truth of touch: how far the skin gives way, and which vertices are in contact.

The skin is a thin plate on a soft bed that moves along the direction of the press: the amount s
at the vertices minimises ``bending * |L s|^2 + sum_i bed_i s_i^2`` while no face vertex may stay
inside the hand and no hand vertex under the skin (inequalities: a hand pushes, it never pulls).
L is a Laplacian weighted by inverse edge length; the bed is stiff over bone and soft over flesh.

An estimator that uses a model of this kind is not independent of it: agreement shows that a
computation is right, not that real skin behaves so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import nnls
from scipy.sparse.linalg import splu

from dice_ros.body.open_head import OpenHead
from dice_ros.body.vertex_normals import vertex_normals
from dice_ros.synthesis.figure import PosedHand
from dice_ros.synthesis.surface_distance import Surface
from dice_ros.types import BoolArray, Float32Array, Float64Array, Int32Array

CONTACT_REACH_M = 0.0025
"""Vertices at most this far from the other surface are in contact."""

_BENDING = 2.0
_BED_PER_STIFFNESS, _BED_LEAST = 0.02, 0.002
_SKIN_GAP_M = 5e-5  # pushed skin ends just outside the hand
_TOLERATED_M = 1e-4
_SETTLED_M = 5e-5
_UNDER_SKIN_REACH_M = 0.015
_STEEPEST = 0.3  # least cosine between press and surface normal when measuring along the press
_SLACK = 1e-4
_MOST_ROUNDS = 14


@dataclass(frozen=True, slots=True, eq=False)
class Touch:
    """What a hand does to a face.

    Attributes:
        deformation: (V, 3) float32, metres, cam: deformed minus undeformed face.
        face_contact: (V,) bool, face vertices in contact after the deformation.
        hand_contact: (Vh,) bool, hand vertices in contact.
    """

    deformation: Float32Array
    face_contact: BoolArray
    hand_contact: BoolArray


class Skin:
    """Deforms the open head where a hand presses into it.

    Args:
        head: the head model.
    """

    def __init__(self, head: OpenHead) -> None:
        self._triangles = head.triangles
        self._exterior = np.flatnonzero(head.exterior)
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
            push: (3,) direction in which the hand presses.
        """
        face = np.asarray(face_vertices, dtype=np.float64)
        push = push / np.linalg.norm(push)
        moved = self._amount(face, hand, push)[:, None] * push
        deformed = face + moved
        surface = Surface(hand.vertices, hand.triangles)
        reached = surface.closest(deformed[self._exterior], CONTACT_REACH_M)
        face_contact = np.zeros(self._count, dtype=bool)
        face_contact[self._exterior[np.isfinite(reached.distance)]] = True
        skin = Surface(deformed, self._exterior_triangles)
        hand_contact = np.isfinite(skin.closest(hand.vertices, CONTACT_REACH_M).distance)
        return Touch(moved.astype(np.float32), face_contact, hand_contact)

    def _amount(self, face: Float64Array, hand: PosedHand, push: Float64Array) -> Float64Array:
        """(V,) metres moved along the press, so that nothing is left inside anything."""
        press = _Press(hand, push)
        amount = np.zeros(self._count)
        held = _Held.nothing()
        columns: dict[int, Float64Array] = {}
        for _ in range(_MOST_ROUNDS):
            moved = face + amount[:, None] * push
            held = held.joined(self._penetrations(moved, press))
            if not len(held.key):
                break
            excess = press.excess(held, moved, vertex_normals(moved, self._triangles), self._count)
            before = amount
            # The excess is measured along tangent planes: solve again until it stays the same.
            amount = self._solved(held, held.at(amount) + excess + _SKIN_GAP_M, columns)
            if np.abs(amount - before).max() < _SETTLED_M:
                break
        return amount

    def _penetrations(self, face: Float64Array, press: _Press) -> _Held:
        """Face vertices inside the hand, and hand vertices under the skin."""
        inside = self._exterior[press.solid.inside(face[self._exterior])]
        skin = Surface(face, self._exterior_triangles)
        normals = vertex_normals(face, self._triangles)
        below = skin.closest(press.vertices, _UNDER_SKIN_REACH_M)
        near = np.flatnonzero(below.triangle >= 0)
        corners = self._exterior_triangles[below.triangle[near]]
        weights = below.barycentric[near]
        outward = np.einsum("nk,nkc->nc", weights, normals[corners])
        height = np.einsum("nc,nc->n", press.vertices[near] - below.point[near], outward)
        deep = height < -_TOLERATED_M
        return _Held(
            np.concatenate([inside, self._count + near[deep]]),
            np.concatenate([np.repeat(inside[:, None], 3, axis=1), corners[deep]]),
            np.concatenate([np.tile([1.0, 0.0, 0.0], (len(inside), 1)), weights[deep]]),
        )

    def _solved(
        self, held: _Held, least: Float64Array, columns: dict[int, Float64Array]
    ) -> Float64Array:
        """(V,) the gentlest displacement of at least ``least`` (C,) at every held place.

        The dual problem has one non-negative force per place: non-negative least squares.
        """
        places, which = np.unique(held.corners, return_inverse=True)
        new = np.array([place for place in places if int(place) not in columns], dtype=np.int64)
        if len(new):
            unit = np.zeros((self._count, len(new)))
            unit[new, np.arange(len(new))] = 1.0
            columns.update(zip(new.tolist(), self._system.solve(unit).T, strict=True))
        response = np.stack([columns[int(place)] for place in places], axis=1)
        selector = np.zeros((len(places), len(held.key)))
        number = np.broadcast_to(np.arange(len(held.key))[:, None], held.corners.shape)
        np.add.at(selector, (which.reshape(held.corners.shape), number), held.weights)
        reach = response @ selector  # (V, C): what a unit force on each held place does
        coupling = held.at(reach)
        coupling = 0.5 * (coupling + coupling.T)
        coupling[np.diag_indices_from(coupling)] += _SLACK * np.diag(coupling).mean()
        factor = np.linalg.cholesky(coupling)
        forces, _ = nnls(factor.T, np.linalg.solve(factor, least), maxiter=30 * len(least))
        return np.asarray(reach @ forces)


class _Press:
    """A hand pressing one way; its leading side is what touches first.

    Args:
        hand: the posed hand.
        push: (3,) unit.
    """

    def __init__(self, hand: PosedHand, push: Float64Array) -> None:
        self.solid = Surface(hand.vertices, hand.triangles)
        leads = vertex_normals(hand.vertices, hand.triangles) @ push > 0.0
        self.vertices: Float64Array = hand.vertices[leads].astype(np.float64)
        facing = self.solid.normals(np.arange(len(hand.triangles))) @ push > 0.0
        self._leading = Surface(hand.vertices, hand.triangles[facing])
        self._push = push

    def excess(
        self, held: _Held, face: Float64Array, face_normals: Float32Array, face_count: int
    ) -> Float64Array:
        """(C,) metres along the press that held places are short of (or, negative, beyond)."""
        places = held.at(face)
        gap = np.empty_like(places)
        normals = np.empty_like(places)
        of_face = held.key < face_count
        nearest = self._leading.closest(places[of_face])
        gap[of_face] = nearest.point - places[of_face]
        normals[of_face] = self._leading.normals(nearest.triangle)
        of_hand = ~of_face
        gap[of_hand] = self.vertices[held.key[of_hand] - face_count] - places[of_hand]
        normals[of_hand] = -held.at(face_normals)[of_hand]
        steepness = np.maximum(normals @ self._push, _STEEPEST)
        return np.asarray(np.einsum("cn,cn->c", gap, normals) / steepness)


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    """Places of the skin that the hand holds back; C places.

    Attributes:
        key: (C,) face vertex, or number of face vertices plus leading hand vertex.
        corners: (C, 3) face vertices around the place.
        weights: (C, 3) their weights.
    """

    key: NDArray[np.int64]
    corners: NDArray[np.int64]
    weights: Float64Array

    @staticmethod
    def nothing() -> _Held:
        return _Held(np.zeros(0, np.int64), np.zeros((0, 3), np.int64), np.zeros((0, 3)))

    def joined(self, found: _Held) -> _Held:
        """With what is newly found; known places stay as they were."""
        new = ~np.isin(found.key, self.key)
        return _Held(
            np.concatenate([self.key, found.key[new]]),
            np.concatenate([self.corners, found.corners[new]]),
            np.concatenate([self.weights, found.weights[new]]),
        )

    def at(self, field: NDArray[np.floating]) -> Float64Array:
        """(C, ...) a field (V, ...) of the vertices, at the held places."""
        return np.asarray(
            np.einsum("ck,ck...->c...", self.weights, field[self.corners]), dtype=np.float64
        )


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
