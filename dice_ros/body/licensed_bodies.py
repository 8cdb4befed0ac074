"""FLAME, MANO and DICE's template from the licensed files, executing nothing of them."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from dice_ros.body.dice_bodies import DiceBodies, TemplatePoints
from dice_ros.body.flame_arrays import (
    FLAME_EXPRESSIONS,
    FLAME_FIRST_EXPRESSION,
    FLAME_SHAPES,
    FlameArrays,
)
from dice_ros.body.keypoint_regressors import face_keypoints, hand_keypoints
from dice_ros.body.licensed_files import (
    BODY_FILES,
    FLAME_LANDMARKS,
    FLAME_MODEL,
    HAND_FILES,
    HAND_REST,
    HAND_TRANSFORMS,
    HEAD_REST,
    HEAD_TRANSFORMS,
    MANO_LEFT_MODEL,
    MANO_MODEL,
    NECK,
    LicensedFile,
    find_all,
)
from dice_ros.body.mano_arrays import ManoArrays
from dice_ros.body.mano_pair import ManoPair, ManoWithMean, repaired_left
from dice_ros.checkpoints.body_files import ManoArrays as PublishedMano
from dice_ros.checkpoints.body_files import is_synthetic, read_flame, read_landmarks, read_mano
from dice_ros.checkpoints.sparse_matrix import SparseMatrix
from dice_ros.checkpoints.template_files import (
    HAND_LEVELS,
    HEAD_LEVELS,
    read_down_sampling,
    read_hand_rest,
    read_head_rest,
    read_neck,
)
from dice_ros.errors import AssetError
from dice_ros.types import Float32Array

_REST_ROUNDING_M, _REST_FOREIGN_M = 1e-4, 0.02


def read_licensed_hands(folder: Path) -> ManoPair:
    """Both MANO hands with their mean poses, the left one repaired.

    Args:
        folder: holds the files of :data:`dice_ros.body.licensed_files.HAND_FILES`, at any depth.

    Raises:
        AssetError: as :func:`read_licensed_bodies`.
    """
    paths = find_all(folder, HAND_FILES)
    right, left = (read_mano(paths[item]) for item in (MANO_MODEL, MANO_LEFT_MODEL))
    right_arrays = mano_arrays(right)
    left_arrays = repaired_left(right_arrays, mano_arrays(left))
    return ManoPair(
        right=ManoWithMean(right_arrays, right.hands_mean),
        left=ManoWithMean(left_arrays, left.hands_mean),
        synthetic=any(is_synthetic(path) for path in paths.values()),
    )


def read_licensed_bodies(folder: Path) -> DiceBodies:
    """Everything DICE needs besides its weights.

    Args:
        folder: holds the files of :data:`dice_ros.body.licensed_files.BODY_FILES`, at any depth.

    Raises:
        AssetError: files are missing (all are listed, with where to get them), damaged, unsafe,
            their arrays are not of the expected shape, or the template belongs to other models.
    """
    paths = find_all(folder, BODY_FILES)
    flame = read_flame_arrays(paths[FLAME_MODEL], paths[FLAME_LANDMARKS], paths[NECK])
    mano = read_mano_arrays(paths[MANO_MODEL])
    return DiceBodies(
        flame=flame,
        mano=mano,
        template=_template(paths, flame, mano),
        synthetic=any(is_synthetic(path) for path in paths.values()),
    )


def read_flame_arrays(model: Path, embedding: Path, neck: Path) -> FlameArrays:
    """FLAME as DICE uses it.

    Args:
        model: ``generic_model.pkl``.
        embedding: ``landmark_embedding.npy``.
        neck: ``neck_idx.npy``.

    Raises:
        AssetError: a file is missing, damaged or unsafe.
    """
    published = read_flame(model)
    landmarks = read_landmarks(embedding)
    last_expression = FLAME_FIRST_EXPRESSION + FLAME_EXPRESSIONS
    directions = published.shapedirs
    return FlameArrays(
        template=published.v_template,
        shape_directions=np.concatenate(
            [
                directions[:, :, :FLAME_SHAPES],
                directions[:, :, FLAME_FIRST_EXPRESSION:last_expression],
            ],
            axis=2,
        ),
        pose_directions=published.posedirs,
        joint_regressor=published.J_regressor,
        weights=published.weights,
        parents=published.parents.astype(np.int32),
        triangles=published.faces.astype(np.int32),
        landmark_triangles=landmarks.full_faces.astype(np.int32),
        landmark_weights=landmarks.full_barycentric,
        neck=read_neck(neck).astype(np.int32),
    )


def read_mano_arrays(path: Path) -> ManoArrays:
    """MANO as DICE uses it, from ``MANO_RIGHT.pkl``.

    Raises:
        AssetError: the file is missing, damaged or unsafe.
    """
    return mano_arrays(read_mano(path))


def mano_arrays(published: PublishedMano) -> ManoArrays:
    """The arrays of a hand that posing needs."""
    return ManoArrays(
        template=published.v_template,
        shape_directions=published.shapedirs,
        pose_directions=published.posedirs,
        joint_regressor=published.J_regressor,
        weights=published.weights,
        parents=published.parents.astype(np.int32),
        triangles=published.faces.astype(np.int32),
    )


def _template(
    paths: dict[LicensedFile, Path], flame: FlameArrays, mano: ManoArrays
) -> TemplatePoints:
    """Resting bodies, thinned by the published matrices; keypoints by the published regressors."""
    head, hand = read_head_rest(paths[HEAD_REST]), read_hand_rest(paths[HAND_REST])
    _check_rest(head, flame.template, paths[HEAD_REST], paths[FLAME_MODEL])
    _check_rest(hand, mano.template, paths[HAND_REST], paths[MANO_MODEL])
    return TemplatePoints(
        hand_joints=hand_keypoints(mano, hand[None])[0].astype(np.float32),
        face_landmarks=face_keypoints(flame, head[None])[0].astype(np.float32),
        hand_vertices=_thinned(hand, read_down_sampling(paths[HAND_TRANSFORMS], HAND_LEVELS)),
        head_vertices=_thinned(head, read_down_sampling(paths[HEAD_TRANSFORMS], HEAD_LEVELS)),
    )


def _check_rest(
    rest: Float32Array, template: Float32Array, rest_path: Path, model_path: Path
) -> None:
    """The resting mesh is the model's template, but for rounding: else the two do not belong.

    A small difference is only told: the network was trained with the resting mesh as it is.
    """
    gap = float(np.abs(rest - template).max())
    if _REST_ROUNDING_M < gap <= _REST_FOREIGN_M:
        logging.getLogger(__name__).warning(
            "%s and the template in %s differ by up to %.2f mm: other versions of the models?",
            rest_path,
            model_path,
            gap * 1000,
        )
    if gap > _REST_FOREIGN_M:
        raise AssetError(
            f"{rest_path} and the template in {model_path} differ by up to {gap * 1000:.2f} mm, "
            f"expected at most {_REST_FOREIGN_M * 1000:.1f} mm: they are of different models (or "
            "one is a stand-in), bring both from the sources that `dice-ros doctor` names"
        )


def _thinned(vertices: Float32Array, matrices: tuple[SparseMatrix, ...]) -> Float32Array:
    points = vertices.astype(np.float64)
    for matrix in matrices:
        points = matrix.dense().astype(np.float64) @ points
    return points.astype(np.float32)
