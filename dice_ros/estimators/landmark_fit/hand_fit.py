"""Fitting the open hand to 21 hand landmarks.

Unknowns are rotation, translation, size and 21 joint angles. The cost has the robust reprojection
error of the joints, the distance to the network's metric landmarks (their shape, not their place),
and priors on angles and size; Levenberg-Marquardt with exact derivatives.

The picture fixes only the ratio of size to depth, so the depth of a hand is as good as the prior
on its size. ``depth_sigma`` says how good that is; what happens along this direction afterwards is
the business of :mod:`dice_ros.estimators.landmark_fit.depth_slide`.

Everything here is in normalised image coordinates ((u - cx) / fx, (v - cy) / fy); a left hand is
mirrored, fitted as a right one, and mirrored back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from dice_ros.body.hand_pose import ANGLE_COUNT, HandPoser
from dice_ros.body.rotation import align_points, cross_matrix, matrix_from_axis_angle
from dice_ros.camera import Camera
from dice_ros.estimators.landmark_fit.hand_landmark_offsets import LANDMARK_OFFSETS_M
from dice_ros.estimators.landmark_fit.hand_prior import (
    ANGLE_MEAN,
    angle_cost,
    angle_normal_terms,
)
from dice_ros.types import Float32Array, Float64Array, HandLandmarks, HandSide

MIRROR = np.array([-1.0, 1.0, 1.0])

_PIXEL_SIGMA_M = 5e-3
_WORLD_SIGMA_M = np.array([10e-3, 10e-3, 15e-3])
_CAUCHY_SIGMAS = 3.0
_COLD_STEPS, _WARM_STEPS = 25, 4
_CONVERGED = 1e-4
_PALM = np.array([0, 1, 5, 9, 13, 17])
_WARM_TURN_MAX_COSINE = np.cos(0.7)
_DEPTH_MIN_M, _DEPTH_MAX_M = 0.05, 20.0
_UNKNOWNS = 7 + ANGLE_COUNT
_LOG_SCALE = 6


@dataclass(frozen=True, slots=True)
class ScalePrior:
    """Normal prior on the logarithm of a hand's size relative to the mean hand."""

    mean: float = 0.0
    sigma: float = 0.04


@dataclass(frozen=True, slots=True, eq=False)
class HandFit:
    """A fitted hand, in cam, as a right hand (mirrored x for left ones).

    Attributes:
        rotation: (3, 3) float64, hand -> mirrored cam.
        translation: (3,) float64, metres: the wrist.
        scale: size relative to the mean hand.
        angles: (21,) float64, radians.
        side: which hand it is.
        depth_sigma: standard deviation of the logarithm of its depth.
        rms_m: root mean square reprojection error at its depth, metres.
    """

    rotation: Float64Array
    translation: Float64Array
    scale: float
    angles: Float64Array
    side: HandSide
    depth_sigma: float
    rms_m: float

    @property
    def mirror(self) -> Float64Array:
        """(3,) factors that take mirrored cam to cam."""
        return MIRROR if self.side is HandSide.LEFT else np.ones(3)


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    rotation: Float64Array
    translation: Float64Array
    log_scale: float
    angles: Float64Array

    def moved(self, step: Float64Array) -> _State:
        return _State(
            matrix_from_axis_angle(step[:3]) @ self.rotation,
            self.translation + step[3:6],
            self.log_scale + float(step[_LOG_SCALE]),
            self.angles + step[7:],
        )


class HandFitter:
    """Fits the open hand to landmarks.

    Args:
        poser: the articulated right hand.
        offsets: (21, 3) metres, where the network sees its landmarks, from the joints.
    """

    def __init__(self, poser: HandPoser, offsets: Float64Array = LANDMARK_OFFSETS_M) -> None:
        self._poser = poser
        self._offsets = offsets

    def fit(
        self,
        landmarks: HandLandmarks,
        camera: Camera,
        scale_prior: ScalePrior,
        previous: HandFit | None = None,
    ) -> HandFit | None:
        """Fit one hand.

        Args:
            landmarks: network output.
            camera: calibration.
            scale_prior: what is known of this person's hand size.
            previous: fit of the last frame of the same track; None starts afresh.

        Returns:
            The fit, or None if no hand explains the landmarks.
        """
        problem = _HandProblem.build(self, landmarks, camera, scale_prior)
        if previous is not None and previous.side is landmarks.side:
            warm = _State(
                previous.rotation,
                previous.translation,
                float(np.log(previous.scale)),
                previous.angles,
            )
            if problem.turn_cosine(warm) > _WARM_TURN_MAX_COSINE:
                return problem.finish(problem.minimise(warm, _WARM_STEPS), landmarks.side)
        start = problem.cold_start()
        if start is None:
            return None
        return problem.finish(problem.minimise(start, _COLD_STEPS), landmarks.side)

    def vertices(self, fit: HandFit, depth_ratio: float = 1.0) -> Float32Array:
        """(V, 3) float32, metres, cam, slid along the viewing rays by ``depth_ratio``."""
        local = self._poser.vertices(self._poser.joints(fit.angles))
        return place(fit, local, depth_ratio)

    def joints(self, fit: HandFit, depth_ratio: float = 1.0) -> Float32Array:
        """(21, 3) float32, metres, cam, slid along the viewing rays by ``depth_ratio``."""
        local = self._poser.joints(fit.angles).joints
        return place(fit, local.astype(np.float32), depth_ratio)


def place(fit: HandFit, points_hand: Float32Array, depth_ratio: float = 1.0) -> Float32Array:
    """Bring (N, 3) float32 points from the hand frame to cam; scaling about the camera centre."""
    factor = fit.mirror * depth_ratio
    M = (factor[:, None] * fit.rotation * fit.scale).astype(np.float32)
    return np.asarray(points_hand @ M.T + (factor * fit.translation).astype(np.float32))


def view_rotation(direction: Float64Array) -> Float64Array:
    """The smallest rotation that takes the optical axis to a unit viewing direction (3,)."""
    x, y, z = direction
    axis = cross_matrix(np.array([-y, x, 0.0]))
    return np.asarray(np.eye(3) + axis + axis @ axis / (1.0 + z))


@dataclass(frozen=True, slots=True, eq=False)
class _HandProblem:
    """The cost function of one hand in one frame."""

    poser: HandPoser
    offsets: Float64Array
    rays: Float64Array  # (21, 2) normalised, mirrored for left hands
    shape: Float64Array  # (21, 3) metric landmarks, centred, view frame, mirrored likewise
    view: Float64Array  # (3, 3) view frame -> mirrored cam
    scale_prior: ScalePrior

    @staticmethod
    def build(
        fitter: HandFitter, landmarks: HandLandmarks, camera: Camera, scale_prior: ScalePrior
    ) -> _HandProblem:
        pixels = camera.undistort(landmarks.points[:, :2])
        K = camera.K
        rays = (pixels - (K[0, 2], K[1, 2])) / (K[0, 0], K[1, 1])
        shape = landmarks.world.astype(np.float64)
        if landmarks.side is HandSide.LEFT:
            rays = rays * MIRROR[:2]
            shape = shape * MIRROR
        centre = np.append(rays[_PALM].mean(0), 1.0)
        view = view_rotation(centre / np.linalg.norm(centre))
        return _HandProblem(
            fitter._poser, fitter._offsets, rays, shape - shape.mean(0), view, scale_prior
        )

    def turn_cosine(self, state: _State) -> float:
        """Cosine of the angle between a state's rotation and the one the metric landmarks show."""
        joints = self.poser.points(state.angles, self.offsets).joints
        seen = align_points(joints[_PALM], (self.shape @ self.view.T)[_PALM])
        return 0.5 * (float(np.trace(seen.T @ state.rotation)) - 1.0)

    def cold_start(self) -> _State | None:
        """Rotation from the palm, place from the rays, angles from the prior."""
        joints = self.poser.points(ANGLE_MEAN, self.offsets).joints
        R = align_points(joints[_PALM], (self.shape @ self.view.T)[_PALM])
        turned = np.exp(self.scale_prior.mean) * joints @ R.T
        # x (Z + tz) = X + tx for every joint is linear in t.
        count = len(self.rays)
        rows = np.zeros((2 * count, 3))
        rows[:count, 0] = rows[count:, 1] = 1.0
        rows[:count, 2], rows[count:, 2] = -self.rays[:, 0], -self.rays[:, 1]
        values = (self.rays * turned[:, 2:] - turned[:, :2]).T.ravel()
        translation = np.linalg.lstsq(rows, values, rcond=None)[0]
        if not _DEPTH_MIN_M < translation[2] < _DEPTH_MAX_M:
            return None
        return _State(R, translation, self.scale_prior.mean, ANGLE_MEAN)

    def minimise(self, state: _State, steps: int) -> _State:
        damping = 1e-2
        cost, H, g = self._normal_terms(state)
        for _ in range(steps):
            damped = H + damping * np.diag(np.diag(H))
            try:
                step = cho_solve(cho_factor(damped), -g)
            except LinAlgError:
                damping *= 10.0
                continue
            moved = state.moved(step)
            new_cost, new_H, new_g = self._normal_terms(moved)
            if not new_cost < cost:
                damping *= 5.0
                continue
            gain = cost - new_cost
            state, cost, H, g = moved, new_cost, new_H, new_g
            damping = max(damping * 0.2, 1e-6)
            if gain < _CONVERGED * cost:
                break
        return state

    def finish(self, state: _State, side: HandSide) -> HandFit | None:
        """Judge the solution; None if its place is impossible."""
        depth_m = float(state.translation[2])
        if not (np.isfinite(state.angles).all() and _DEPTH_MIN_M < depth_m < _DEPTH_MAX_M):
            return None
        joints = self.poser.points(state.angles, self.offsets).joints
        points = np.exp(state.log_scale) * joints @ state.rotation.T + state.translation
        if points[:, 2].min() < _DEPTH_MIN_M:
            return None
        error = points[:, :2] / points[:, 2:] - self.rays
        _, H, _ = self._normal_terms(state)
        variance = float(np.linalg.inv(H)[5, 5])
        return HandFit(
            rotation=state.rotation,
            translation=state.translation,
            scale=float(np.exp(state.log_scale)),
            angles=state.angles,
            side=side,
            depth_sigma=float(np.sqrt(max(variance, 0.0))) / depth_m,
            rms_m=float(np.sqrt((error**2).sum(1).mean())) * depth_m,
        )

    def _normal_terms(self, state: _State) -> tuple[float, Float64Array, Float64Array]:
        """Cost, Gauss-Newton Hessian (28, 28) and gradient (28,) at a state."""
        posed = self.poser.points(state.angles, self.offsets)
        scale = np.exp(state.log_scale)
        turned = posed.joints @ state.rotation.T  # (21, 3) at the mean hand's size
        d_angles = np.einsum("ij,njk->nik", state.rotation, posed.jacobian)
        d_turn = -cross_matrix(turned)

        sigma = _PIXEL_SIGMA_M / max(float(state.translation[2]), _DEPTH_MIN_M)
        J_pixel, r_pixel = self._reprojection(
            scale * turned, state, scale * d_turn, scale * d_angles
        )
        squared = (r_pixel**2).sum(1) / sigma**2
        w_pixel = 1.0 / (1.0 + squared / _CAUCHY_SIGMAS**2) / sigma**2
        robust = 0.5 * _CAUCHY_SIGMAS**2 * float(np.log1p(squared / _CAUCHY_SIGMAS**2).sum())

        to_view = self.view.T / _WORLD_SIGMA_M[:, None]
        r_shape = (turned - turned.mean(0)) @ to_view.T - self.shape / _WORLD_SIGMA_M
        J_shape = np.zeros((21, 3, _UNKNOWNS))
        J_shape[:, :, :3] = d_turn - d_turn.mean(0)
        J_shape[:, :, 7:] = d_angles - d_angles.mean(0)
        J_shape = to_view @ J_shape

        J = np.concatenate([J_pixel.reshape(42, -1), J_shape.reshape(63, -1)])
        w = np.concatenate([np.repeat(w_pixel, 2), np.ones(63)])
        r = np.concatenate([r_pixel.ravel(), r_shape.ravel()])
        H = J.T @ (w[:, None] * J)
        g = J.T @ (w * r)
        g_angles, H_angles = angle_normal_terms(state.angles)
        H[7:, 7:] += H_angles
        g[7:] += g_angles
        off = (state.log_scale - self.scale_prior.mean) / self.scale_prior.sigma
        H[_LOG_SCALE, _LOG_SCALE] += self.scale_prior.sigma**-2
        g[_LOG_SCALE] += off / self.scale_prior.sigma
        cost = robust + 0.5 * float((r_shape**2).sum()) + angle_cost(state.angles) + 0.5 * off**2
        return cost, H, g

    def _reprojection(
        self, turned: Float64Array, state: _State, d_turn: Float64Array, d_angles: Float64Array
    ) -> tuple[Float64Array, Float64Array]:
        """Jacobian (21, 2, 28) and residual (21, 2) in normalised image coordinates."""
        points = turned + state.translation
        inverse = 1.0 / np.maximum(points[:, 2], _DEPTH_MIN_M)
        uv = points[:, :2] * inverse[:, None]
        d_points = np.empty((21, 3, _UNKNOWNS))
        d_points[:, :, :3] = d_turn
        d_points[:, :, 3:6] = np.eye(3)
        d_points[:, :, _LOG_SCALE] = turned
        d_points[:, :, 7:] = d_angles
        J = (d_points[:, :2] - uv[:, :, None] * d_points[:, 2:]) * inverse[:, None, None]
        return J, uv - self.rays
