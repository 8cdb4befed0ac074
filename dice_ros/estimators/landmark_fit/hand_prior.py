"""What is known of hands in general: ranges of joint angles, and how joints go together.

The prior is Gaussian in linear combinations of the 21 angles of
:mod:`dice_ros.body.hand_pose`; angles outside their range are pulled back by a one-sided
quadratic. Means and widths are hand-set after the range of motion of healthy adults; the end joint
of a finger follows its middle joint at about two thirds, as the tendons enforce.
"""

from __future__ import annotations

import numpy as np

from dice_ros.body.hand_pose import ANGLE_COUNT
from dice_ros.types import Float64Array

_THUMB_MEAN = (0.1, 0.0, 0.0, 0.1, 0.1)
_THUMB_SIGMA = (0.4, 0.4, 0.3, 0.4, 0.5)
_THUMB_MIN = (-0.8, -0.8, -0.6, -0.5, -0.6)
_THUMB_MAX = (1.0, 0.9, 0.6, 1.0, 1.4)
# base flexion, base abduction, middle joint, end joint
_FINGER_MEAN = (0.2, 0.0, 0.3, 0.2)
_FINGER_SIGMA = (0.6, 0.18, 0.7, 0.5)
_FINGER_MIN = (-0.6, -0.4, -0.2, -0.3)
_FINGER_MAX = (1.6, 0.4, 1.9, 1.4)

ANGLE_MEAN: Float64Array = np.array([*_THUMB_MEAN, *_FINGER_MEAN * 4])
ANGLE_MIN: Float64Array = np.array([*_THUMB_MIN, *_FINGER_MIN * 4])
ANGLE_MAX: Float64Array = np.array([*_THUMB_MAX, *_FINGER_MAX * 4])

_SIGMA = np.array([*_THUMB_SIGMA, *_FINGER_SIGMA * 4])
_LIMIT_SIGMA = 0.08
_COUPLING, _COUPLING_SIGMA = 0.65, 0.2
_NEIGHBOUR_SIGMA = 0.45


def _combinations() -> tuple[Float64Array, Float64Array]:
    """Rows A and values b of the prior ``|A angles - b|^2`` in units of standard deviations."""
    rows = [np.diag(1.0 / _SIGMA)]
    values = [ANGLE_MEAN / _SIGMA]
    finger_base = 5 + 4 * np.arange(4)
    coupling = np.zeros((4, ANGLE_COUNT))
    coupling[np.arange(4), finger_base + 3] = 1.0 / _COUPLING_SIGMA
    coupling[np.arange(4), finger_base + 2] = -_COUPLING / _COUPLING_SIGMA
    rows.append(coupling)
    # Neighbouring fingers share muscles: their base joints bend together.
    neighbours = np.zeros((3, ANGLE_COUNT))
    neighbours[np.arange(3), finger_base[:-1]] = 1.0 / _NEIGHBOUR_SIGMA
    neighbours[np.arange(3), finger_base[1:]] = -1.0 / _NEIGHBOUR_SIGMA
    rows.append(neighbours)
    values.append(np.zeros(7))
    return np.concatenate(rows), np.concatenate(values)


_A, _B = _combinations()
_PRECISION = _A.T @ _A


def angle_cost(angles: Float64Array) -> float:
    """Half the squared distance of 21 angles from the prior, in standard deviations."""
    beyond = _beyond(angles) / _LIMIT_SIGMA
    residual = _A @ angles - _B
    return 0.5 * float(residual @ residual + beyond @ beyond)


def angle_normal_terms(angles: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Gradient (21,) and Gauss-Newton Hessian (21, 21) of :func:`angle_cost`."""
    beyond = _beyond(angles)
    gradient = _A.T @ (_A @ angles - _B) + beyond / _LIMIT_SIGMA**2
    return gradient, _PRECISION + np.diag((beyond != 0.0) / _LIMIT_SIGMA**2)


def _beyond(angles: Float64Array) -> Float64Array:
    return np.asarray(np.maximum(angles - ANGLE_MAX, 0.0) + np.minimum(angles - ANGLE_MIN, 0.0))
