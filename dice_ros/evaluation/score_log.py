"""The per-frame file: one line a frame, written as they are done, so that a run can go on later."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import TextIO

from dice_ros.errors import OutputError
from dice_ros.evaluation.frame_score import FrameScore
from dice_ros.evaluation.score_frames import FrameName
from dice_ros.whole_file import write_whole

FRAMES_NAME, RUN_NAME = "frames.csv", "run.json"
_COLUMNS = [item.name for item in fields(FrameScore)]
_WORDS = 3
"""Columns that are no figures: subject, camera, frame."""


class ScoreLog:
    """Scores of one run in a folder; a context manager.

    Args:
        folder: made if missing.
        identity: what makes results comparable (method, data, options); a folder of another run
            is refused.
        overwrite: forget what is there.

    Raises:
        OutputError: the folder holds another run, or cannot be written.
    """

    def __init__(self, folder: Path, identity: dict[str, object], *, overwrite: bool) -> None:
        self.path = folder / FRAMES_NAME
        run = folder / RUN_NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if overwrite:
                self.path.unlink(missing_ok=True)
                run.unlink(missing_ok=True)
            if run.exists():
                _check_same(run, identity)
            elif self.path.exists():
                raise OutputError(f"{self.path} exists without {run}: choose another folder")
            else:
                write_whole(run, json.dumps(identity, indent=1) + "\n")
            self.scores = _read(self.path) if self.path.exists() else []
            _write_whole(self.path, self.scores)
            self._file: TextIO = self.path.open("a", newline="")
        except OSError as error:
            raise OutputError(f"cannot write to {folder}: {error.strerror or error}") from error
        self._writer = csv.writer(self._file)

    @property
    def done(self) -> frozenset[FrameName]:
        """Frames that have a line."""
        return frozenset(FrameName(item.subject, item.camera, item.frame) for item in self.scores)

    def add(self, scores: Iterable[FrameScore]) -> None:
        """Write lines, safe against a kill between two calls."""
        for score in scores:
            self.scores.append(score)
            self._writer.writerow(_cells(score))
        self._file.flush()

    def __enter__(self) -> ScoreLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


def _check_same(run: Path, identity: dict[str, object]) -> None:
    try:
        known = json.loads(run.read_text())
    except ValueError:
        known = None
    same = json.loads(json.dumps(identity))
    if known != same:
        raise OutputError(
            f"{run} is of another run ({known}), this one is {same}: choose another folder or add "
            "--overwrite"
        )


def _read(path: Path) -> list[FrameScore]:
    """All whole lines; a line cut off by a kill is left out."""
    text = path.read_text()
    whole = text[: text.rfind("\n") + 1]
    rows = list(csv.reader(whole.splitlines()))
    if rows and rows[0] != _COLUMNS:
        raise OutputError(f"{path} has other columns: it was written by another version")
    scores = []
    for number, row in enumerate(rows[1:], start=2):
        try:
            values = [float(cell) if cell else float("nan") for cell in row[_WORDS:]]
            scores.append(FrameScore(row[0], row[1], int(row[2]), *values))
        except (ValueError, IndexError, TypeError):
            raise OutputError(f"{path}, line {number} is damaged: add --overwrite") from None
    return scores


def _write_whole(path: Path, scores: Iterable[FrameScore]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    writer.writerows(_cells(score) for score in scores)
    write_whole(path, text.getvalue())


def _cells(score: FrameScore) -> list[str]:
    """Numbers as short as they can be read back exactly; empty where not defined."""
    words = [str(getattr(score, name)) for name in _COLUMNS[:_WORDS]]
    values = (getattr(score, name) for name in _COLUMNS[_WORDS:])
    return words + ["" if math.isnan(value) else f"{value:.17g}" for value in values]
