"""Results of any method, brought in a ``.npz`` file. N rows, one a frame, in any order.

Lengths in metres, axes of the camera (x right, y down, z away), any origin, the same for everything
in a row; vertices in FLAME's and MANO's (right hand) order.

- ``subject`` (N,) text, e.g. ``S1``; ``frame`` (N,) whole numbers from 0: required;
- ``head`` (N, 5023, 3), ``hand`` (N, 778, 3): required; the head **without** deformation if that is
  given apart; NaN in a row means that nothing was found;
- ``deformation`` (N, 5023, 3): deformed minus undeformed; absent means none;
- ``landmarks`` (N, 68, 3): of the undeformed head; absent: computed from ``head``;
- ``joints`` (N, 21, 3): wrist, thumb 1-4, index 1-4, ... pinky 1-4, tips shortened as in
  :mod:`dice_ros.body.mano`; absent: MPJPE and PA-MPJPE are not defined;
- ``head_contact`` (N, 5023), ``hand_contact`` (N, 778), ``presence`` (N,): probabilities; absent:
  their scores are not defined;
- ``camera`` (N,) text, absent ``108``; ``seconds`` (N,) run time; ``method`` one text, its name.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dice_ros.body.flame_arrays import FLAME_VERTICES, FlameArrays
from dice_ros.body.keypoint_regressors import face_keypoints
from dice_ros.body.mano_arrays import MANO_VERTICES
from dice_ros.errors import InputError
from dice_ros.evaluation.compared_frames import (
    HAND_SHAPE,
    HEAD_SHAPE,
    JOINTS_SHAPE,
    LANDMARKS_SHAPE,
    FoundFrames,
)
from dice_ros.evaluation.contender import Round
from dice_ros.evaluation.frame_score import FrameScore
from dice_ros.evaluation.score_frames import FrameName, FrameScorer, nothing_found

_REQUIRED = {"subject": (), "frame": (), "head": HEAD_SHAPE, "hand": HAND_SHAPE}
_OPTIONAL = {
    "camera": (),
    "deformation": HEAD_SHAPE,
    "landmarks": LANDMARKS_SHAPE,
    "joints": JOINTS_SHAPE,
    "head_contact": (FLAME_VERTICES,),
    "hand_contact": (MANO_VERTICES,),
    "presence": (),
    "seconds": (),
}
_DEFAULT_CAMERA = "108"


class ResultsFileContender:
    """Judges results of a file; frames that it lacks count as not found.

    Args:
        path: the file.
        flame: gives landmarks where the file has none.

    Raises:
        InputError: the file is missing or damaged, an array is missing or of another shape, or a
            frame is given twice.
    """

    needs_pictures = False

    def __init__(self, path: Path, flame: FlameArrays) -> None:
        arrays = _read(path)
        self.name = str(arrays.pop("method", np.array(path.stem)))
        self._flame = flame
        self._arrays = arrays
        self._row = _index(path, arrays)
        self.notes = _notes(arrays)

    def close(self) -> None:
        """Nothing is held open."""

    def score(self, frames: Round, scorer: FrameScorer) -> list[FrameScore]:
        """Judge some frames."""
        rows = [self._row.get(name, -1) for name in frames.names]
        known = [place for place, row in enumerate(rows) if row >= 0 and self._is_finite(row)]
        scores: dict[int, FrameScore] = {}
        if known:
            found = self._found([rows[place] for place in known])
            names = [frames.names[place] for place in known]
            judged = scorer.score(names, found, frames.truth.rows(known))
            scores = dict(zip(known, judged, strict=True))
        lost = [place for place in range(len(rows)) if place not in scores]
        if lost:
            truth = frames.truth.rows(lost)
            touching, contact = scorer.true_touching(truth), truth.any_contact
            for row, place in enumerate(lost):
                scores[place] = nothing_found(
                    frames.names[place],
                    true_touching=bool(touching[row]),
                    true_contact=bool(contact[row]),
                    says_presence="presence" in self._arrays,
                )
        return [scores[place] for place in range(len(rows))]

    def _is_finite(self, row: int) -> bool:
        return all(
            bool(np.isfinite(values[row]).all())
            for name, values in self._arrays.items()
            if values.dtype.kind == "f" and name != "seconds"
        )

    def _found(self, rows: Sequence[int]) -> FoundFrames:
        taken = {name: self._arrays[name][rows] for name in self._arrays}
        head = taken["head"].astype(np.float64)
        given = taken.get("deformation")
        landmarks = taken.get("landmarks")
        return FoundFrames(
            head=head,
            deformation=np.zeros_like(head) if given is None else given.astype(np.float64),
            hand=taken["hand"].astype(np.float64),
            landmarks=face_keypoints(self._flame, head) if landmarks is None else landmarks,
            joints=taken.get("joints"),
            head_contact=taken.get("head_contact"),
            hand_contact=taken.get("hand_contact"),
            presence=taken.get("presence"),
            seconds=taken.get("seconds"),
        )


def _read(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            wanted = [*_REQUIRED, *_OPTIONAL, "method"]
            arrays = {name: stored[name] for name in wanted if name in stored.files}
            strange = sorted(set(stored.files) - set(wanted))
    except FileNotFoundError:
        raise InputError(f"{path} is missing: expected a .npz file of results") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is no readable .npz file of results ({error})") from error
    missing = [name for name in _REQUIRED if name not in arrays]
    if missing or strange:
        raise InputError(
            f"{path} lacks {missing or 'nothing'} and holds unknown {strange or 'nothing'}: "
            f"expected {', '.join(_REQUIRED)} and, if known, {', '.join(_OPTIONAL)}, method"
        )
    count = len(arrays["subject"]) if arrays["subject"].ndim else 0
    for name, shape in (_REQUIRED | _OPTIONAL).items():
        if name not in arrays:
            continue
        kinds = "U" if name in ("subject", "camera") else "iu" if name == "frame" else "fiub"
        found = arrays[name]
        if found.shape != (count, *shape) or found.dtype.kind not in kinds:
            raise InputError(
                f"{path}: array {name!r} is {found.dtype} {found.shape}, expected "
                f"{'text' if kinds == 'U' else 'numbers'} {(count, *shape)}"
            )
    return arrays


def _index(path: Path, arrays: dict[str, NDArray[Any]]) -> dict[FrameName, int]:
    subjects, frames = arrays.pop("subject"), arrays.pop("frame")
    cameras = arrays.pop("camera", np.full(len(subjects), _DEFAULT_CAMERA))
    rows: dict[FrameName, int] = {}
    for row, parts in enumerate(zip(subjects, cameras, frames, strict=True)):
        name = FrameName(str(parts[0]), str(parts[1]), int(parts[2]))
        if name in rows:
            raise InputError(f"{path} gives {name} twice: rows {rows[name]} and {row}")
        rows[name] = row
    return rows


def _notes(arrays: dict[str, NDArray[Any]]) -> tuple[str, ...]:
    missing = {
        "joints": "MPJPE and PA-MPJPE",
        "head_contact": "face contact scores",
        "hand_contact": "hand contact scores",
        "presence": "presence scores",
    }
    return tuple(
        f"the file has no array {name!r}: {what} are not defined"
        for name, what in missing.items()
        if name not in arrays
    )
