"""Errors of two interacting hands as InterWild defines them. N frames, V vertices of a hand.

Hands are compared after moving each mesh to its own wrist, without turning or resizing it; their
place relative to each other is judged by the wrists alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dice_ros.evaluation.mesh_errors import vertex_error_mm
from dice_ros.types import BoolArray, Float64Array


def wrist_relative(
    vertices: NDArray[np.floating], wrist_weights: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Meshes moved to their wrists.

    Args:
        vertices: (..., V, 3) metres.
        wrist_weights: (V,) row of the joint regressor that gives the wrist.
    """
    moved: NDArray[np.floating] = vertices - (wrist_weights @ vertices)[..., None, :]
    return moved


def mpvpe_mm(
    found: NDArray[np.floating], true: NDArray[np.floating], wrist_weights: NDArray[np.floating]
) -> Float64Array:
    """Mean vertex error of one hand about its own wrist.

    Args:
        found, true: (N, V, 3) metres, each in any frame of the same orientation.
        wrist_weights: (V,) row of the joint regressor that gives the wrist.

    Returns:
        (N,) mm; NaN where either mesh is.
    """
    return vertex_error_mm(
        wrist_relative(found, wrist_weights), wrist_relative(true, wrist_weights)
    )


def mrrpe_mm(found: NDArray[np.floating], true: NDArray[np.floating]) -> Float64Array:
    """Error of the left wrist relative to the right one.

    Args:
        found, true: (N, 3) left wrist minus right wrist, metres.

    Returns:
        (N,) mm.
    """
    return vertex_error_mm(found[:, None], true[:, None])


def rrve_mm(
    found_right: NDArray[np.floating],
    found_left: NDArray[np.floating],
    true_right: NDArray[np.floating],
    true_left: NDArray[np.floating],
    wrist_weights: NDArray[np.floating],
) -> Float64Array:
    """Mean error of both hands' vertices about the right wrist.

    Args:
        found_right, found_left, true_right, true_left: (N, V, 3) metres; left and right of a pair
            in one frame.
        wrist_weights: (V,) row of the joint regressor that gives the wrist.

    Returns:
        (N,) mm.
    """
    pairs = []
    for right, left in ((found_right, found_left), (true_right, true_left)):
        origin = (wrist_weights @ right)[:, None]
        pairs.append(np.concatenate([right, left], axis=1) - origin)
    return vertex_error_mm(pairs[0], pairs[1])


@dataclass(frozen=True, slots=True)
class TwoHandFigures:
    """A row of InterWild's table, mm; NaN where no frame counts.

    Attributes:
        mpvpe_single: over the hands of frames that show one.
        mpvpe_interacting: over every annotated hand of interacting frames.
        mrrpe: over frames whose wrists are both known.
    """

    mpvpe_single: float
    mpvpe_interacting: float
    mrrpe: float


def two_hand_figures(
    right_mm: Float64Array,
    left_mm: Float64Array,
    relative_mm: Float64Array,
    interacting: BoolArray,
) -> TwoHandFigures:
    """Pool frames.

    Args:
        right_mm, left_mm: (N,) MPVPE of each hand; NaN where it is not annotated.
        relative_mm: (N,) MRRPE; NaN where a wrist is not annotated.
        interacting: (N,) frames annotated as interacting.
    """
    both = np.stack([right_mm, left_mm], axis=1)
    return TwoHandFigures(
        mpvpe_single=_mean(both[~interacting]),
        mpvpe_interacting=_mean(both[interacting]),
        mrrpe=_mean(relative_mm),
    )


def _mean(values: Float64Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
