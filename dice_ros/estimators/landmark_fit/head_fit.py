"""Fitting the open head to 478 face landmarks.

Unknowns are the head's pose, 40 identity and 52 expression coefficients. The cost is the robust
reprojection error of the landmarks plus Gaussian priors on the coefficients; Gauss-Newton on the
dense normal equations converges in a few steps because the blendshape network and a PnP solution
(or the previous frame) start it close by.

Landmarks of a face network are smooth guesses of one network, so their errors are correlated;
``_DATA_WEIGHT`` lowers the weight of all of them together to make up for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.linalg import LinAlgError, solve

from dice_ros.body.open_head import OpenHead
from dice_ros.body.rotation import matrix_from_axis_angle
from dice_ros.camera import Camera
from dice_ros.types import BoolArray, Float32Array, Float64Array, Pose

IDENTITY_COUNT = 40
EXPRESSION_COUNT = 52

_LANDMARK_SIGMA_M = 1.5e-3
_DATA_WEIGHT = 0.15
_CAUCHY_SIGMAS = 3.0
_EXPRESSION_SIGMA = 0.25
_EXPRESSION_MIN, _EXPRESSION_MAX = -0.3, 1.3
_SPREAD_SCALE_M, _SPREAD_MAX_M = 2e-3, 6e-3
_HIDDEN_WEIGHT = 0.15
_COLD_STEPS, _WARM_STEPS = 6, 2
_PNP_LANDMARKS_MIN = 6
_DEPTH_MIN_M, _DEPTH_MAX_M = 0.08, 20.0


@dataclass(frozen=True, slots=True, eq=False)
class IdentityPrior:
    """Gaussian prior on the identity coefficients.

    Attributes:
        mean: (40,) float64.
        precision: inverse variance, the same for all; 1 for an unknown person.
    """

    mean: Float64Array
    precision: float

    @staticmethod
    def population() -> IdentityPrior:
        """What is known of a person never seen before."""
        return IdentityPrior(np.zeros(IDENTITY_COUNT), 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class HeadFit:
    """A fitted head.

    Attributes:
        pose: head -> cam.
        betas: (40,) float64.
        expression: (52,) float64.
        rms_px: weighted root mean square reprojection error, pixels.
        rms_m: the same at the depth of the face, metres.
    """

    pose: Pose
    betas: Float64Array
    expression: Float64Array
    rms_px: float
    rms_m: float


class HeadFitter:
    """Fits the open head to landmarks.

    Args:
        head: the model.
    """

    def __init__(self, head: OpenHead) -> None:
        self._head = head
        corners = head.triangles[head.landmark_triangles]  # (L, 3)
        weights = head.landmark_barycentric.astype(np.float64)
        self._template = np.einsum("lk,lkc->lc", weights, head.template[corners])
        basis = np.concatenate([head.identity_basis, head.expression_basis])  # (92, V, 3)
        landmark_basis = np.einsum("lk,elkc->cle", weights, basis[:, corners])
        self._basis = np.ascontiguousarray(landmark_basis)  # (3, L, 92)
        self._weights = landmark_weights(head.landmark_spread)
        self._vertex_basis = np.ascontiguousarray(basis.reshape(len(basis), -1))
        self._pnp_landmarks = np.flatnonzero(self._weights > 0.3)

    @property
    def weights(self) -> Float64Array:
        """(478,) trust in each landmark, 0..1."""
        return self._weights

    def fit(
        self,
        pixels: Float64Array,
        camera: Camera,
        blendshapes: Float32Array,
        identity: IdentityPrior,
        *,
        previous: HeadFit | None = None,
        hidden: BoolArray | None = None,
    ) -> HeadFit | None:
        """Fit one face.

        Args:
            pixels: (478, 2) undistorted image pixels.
            camera: its K is used.
            blendshapes: (52,) expression the blendshape network read from the picture.
            identity: prior on the person's shape.
            previous: fit of the last frame; None starts from PnP.
            hidden: (478,) landmarks that lie behind a hand, which the network only guessed.

        Returns:
            The fit, or None if no face shape explains the landmarks.
        """
        expected = np.asarray(blendshapes, dtype=np.float64)
        weights = self._weights * (1.0 if hidden is None else np.where(hidden, _HIDDEN_WEIGHT, 1.0))
        if previous is None:
            start = self._start_from_pnp(pixels, camera, expected, identity)
        else:
            start = previous
        if start is None:
            return None
        steps = _COLD_STEPS if previous is None else _WARM_STEPS
        problem = _HeadProblem(self, pixels, camera, expected, identity, weights)
        fit = problem.solve(start, steps)
        if fit is None and previous is not None:
            return self.fit(pixels, camera, blendshapes, identity, hidden=hidden)
        return fit

    def vertices(self, fit: HeadFit) -> Float32Array:
        """(V, 3) float32, metres, cam: the undeformed surface."""
        coefficients = np.concatenate([fit.betas, fit.expression]).astype(np.float32)
        shaped = self._head.template + (coefficients @ self._vertex_basis).reshape(-1, 3)
        R, t = fit.pose.rotation.astype(np.float32), fit.pose.translation.astype(np.float32)
        return np.asarray(shaped @ R.T + t, dtype=np.float32)

    def landmarks(self, fit: HeadFit) -> Float32Array:
        """(478, 3) float32, metres, cam."""
        points = self._shape(fit.betas, fit.expression)
        placed = points @ fit.pose.rotation.T + fit.pose.translation
        return np.asarray(placed, dtype=np.float32)

    def _shape(self, betas: Float64Array, expression: Float64Array) -> Float64Array:
        coefficients = np.concatenate([betas, expression])
        return np.asarray(self._template + (self._basis @ coefficients).T)

    def _start_from_pnp(
        self,
        pixels: Float64Array,
        camera: Camera,
        expression: Float64Array,
        identity: IdentityPrior,
    ) -> HeadFit | None:
        chosen = self._pnp_landmarks
        if len(chosen) < _PNP_LANDMARKS_MIN:
            return None
        points = self._shape(identity.mean, expression)
        try:
            found, rotation, translation = cv2.solvePnP(
                points[chosen], pixels[chosen], camera.K, None, flags=cv2.SOLVEPNP_SQPNP
            )
        except cv2.error:
            # OpenCV refuses landmarks that all fall on one point.
            return None
        if not found or not np.isfinite(translation).all() or translation[2, 0] < _DEPTH_MIN_M:
            return None
        R = matrix_from_axis_angle(np.asarray(rotation[:, 0], dtype=np.float64))
        pose = Pose(R, np.asarray(translation[:, 0], dtype=np.float64))
        return HeadFit(pose, identity.mean, expression, np.nan, np.nan)


@dataclass(frozen=True, slots=True, eq=False)
class _HeadProblem:
    """The cost function of one frame."""

    fitter: HeadFitter
    pixels: Float64Array
    camera: Camera
    expected_expression: Float64Array
    identity: IdentityPrior
    weights: Float64Array

    def solve(self, start: HeadFit, steps: int) -> HeadFit | None:
        """Run Gauss-Newton; None if it leaves the plausible range of depths."""
        R, t = start.pose.rotation, start.pose.translation
        betas, expression = start.betas, start.expression
        for _ in range(steps):
            step = self._step(R, t, betas, expression)
            if step is None:
                return None
            R = matrix_from_axis_angle(step[:3]) @ R
            t = t + step[3:6]
            betas = betas + step[6 : 6 + IDENTITY_COUNT]
            expression = expression + step[6 + IDENTITY_COUNT :]
            expression = np.clip(expression, _EXPRESSION_MIN, _EXPRESSION_MAX)
        return self._rate(Pose(R, t), betas, expression)

    def _step(
        self, R: Float64Array, t: Float64Array, betas: Float64Array, expression: Float64Array
    ) -> Float64Array | None:
        turned = self.fitter._shape(betas, expression) @ R.T
        points = turned + t
        if points[:, 2].min() < _DEPTH_MIN_M:
            return None
        residual, sigma = self._residual(points, float(t[2]))
        influence = self.weights * _DATA_WEIGHT / sigma**2
        squared = (residual**2).sum(1) / sigma**2
        influence = influence / (1.0 + squared / _CAUCHY_SIGMAS**2)

        # d(u, v)/d(point), one (L, 3) array for each pixel axis
        fx, fy = self.camera.K[0, 0], self.camera.K[1, 1]
        inverse = 1.0 / points[:, 2]
        zero = np.zeros_like(inverse)
        du = np.stack([fx * inverse, zero, -fx * points[:, 0] * inverse**2], axis=1)
        dv = np.stack([zero, fy * inverse, -fy * points[:, 1] * inverse**2], axis=1)
        J = np.concatenate([self._rows(du, turned, R), self._rows(dv, turned, R)])
        w = np.concatenate([influence, influence])
        r = np.concatenate([residual[:, 0], residual[:, 1]])

        H = J.T @ (w[:, None] * J)
        g = J.T @ (w * r)
        shape, mimic = slice(6, 6 + IDENTITY_COUNT), slice(6 + IDENTITY_COUNT, None)
        diagonal = np.arange(len(H))
        H[diagonal[shape], diagonal[shape]] += self.identity.precision
        H[diagonal[mimic], diagonal[mimic]] += _EXPRESSION_SIGMA**-2
        g[shape] += self.identity.precision * (betas - self.identity.mean)
        g[mimic] += (expression - self.expected_expression) * _EXPRESSION_SIGMA**-2
        try:
            return np.asarray(solve(H, -g, assume_a="pos", check_finite=True))
        except (LinAlgError, ValueError):
            return None

    def _rows(self, d_pixel: Float64Array, turned: Float64Array, R: Float64Array) -> Float64Array:
        """(L, 98) derivative of one pixel axis by rotation, translation, shape, expression."""
        d_model = d_pixel @ R
        basis = self.fitter._basis
        d_coefficients = d_model[:, :1] * basis[0]
        d_coefficients += d_model[:, 1:2] * basis[1]
        d_coefficients += d_model[:, 2:] * basis[2]
        return np.concatenate([np.cross(turned, d_pixel), d_pixel, d_coefficients], axis=1)

    def _residual(self, points: Float64Array, depth_m: float) -> tuple[Float64Array, float]:
        K = self.camera.K
        uv = points[:, :2] / points[:, 2:] * (K[0, 0], K[1, 1]) + (K[0, 2], K[1, 2])
        return uv - self.pixels, K[0, 0] * _LANDMARK_SIGMA_M / depth_m

    def _rate(self, pose: Pose, betas: Float64Array, expression: Float64Array) -> HeadFit | None:
        depth_m = float(pose.translation[2])
        if not _DEPTH_MIN_M < depth_m < _DEPTH_MAX_M:
            return None
        points = self.fitter._shape(betas, expression) @ pose.rotation.T + pose.translation
        residual, _ = self._residual(points, depth_m)
        mean_square = float(np.average((residual**2).sum(1), weights=self.weights))
        rms_px = float(np.sqrt(mean_square))
        return HeadFit(pose, betas, expression, rms_px, rms_px * depth_m / self.camera.K[0, 0])


def landmark_weights(spread_m: Float32Array) -> Float64Array:
    """Trust in landmarks from the disagreement of the views that placed them on the model.

    Args:
        spread_m: (L,) metres.

    Returns:
        (L,) float64, 1 for perfect agreement, 0 above 6 mm.
    """
    spread = spread_m.astype(np.float64)
    weights = 1.0 / (1.0 + (spread / _SPREAD_SCALE_M) ** 2)
    return np.asarray(np.where(spread > _SPREAD_MAX_M, 0.0, weights))
