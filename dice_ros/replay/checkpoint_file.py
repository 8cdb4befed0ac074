"""The file beside an unfinished output that says where to go on."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dice_ros.errors import InputError
from dice_ros.replay.replay_engine import PipelineMemory
from dice_ros.whole_file import write_whole

_FORMAT = 2


@dataclass(frozen=True, slots=True, eq=False)
class ReplayCheckpoint:
    """Where a replay can go on.

    Attributes:
        number: tickets before this one are done.
        chunks: chunks of the output that hold them.
        memories: what the pipelines know, one per camera.
        touches: what the touch detectors know, packed, one per camera.
        summary: counts so far.
    """

    number: int
    chunks: int
    memories: tuple[PipelineMemory, ...]
    touches: tuple[bytes, ...]
    summary: Mapping[str, Any]


def checkpoint_path(out: Path) -> Path:
    """Where the checkpoint of an output is."""
    return out.with_name(out.name + ".resume")


def save_checkpoint(path: Path, checkpoint: ReplayCheckpoint, job: Mapping[str, Any]) -> None:
    """Write it so that either the old or the new one is there, whatever happens.

    Args:
        path: where to.
        checkpoint: where to go on.
        job: what is replayed and how; must be the same when it goes on.

    Raises:
        OutputError: it cannot be written.
    """
    value = {
        "format": _FORMAT,
        "job": dict(job),
        "number": checkpoint.number,
        "chunks": checkpoint.chunks,
        "summary": dict(checkpoint.summary),
        "memories": [
            [base64.b85encode(part).decode() for part in (item.perception, item.estimation)]
            for item in checkpoint.memories
        ],
        "touches": [base64.b85encode(item).decode() for item in checkpoint.touches],
    }
    write_whole(path, json.dumps(value))


def load_checkpoint(path: Path, job: Mapping[str, Any]) -> ReplayCheckpoint:
    """Read it.

    Raises:
        InputError: it is missing or damaged, or belongs to something else.
    """
    try:
        value = json.loads(path.read_text())
        if value["format"] != _FORMAT:
            raise ValueError(f"format {value['format']}, expected {_FORMAT}")
        _compare(value["job"], json.loads(json.dumps(dict(job))))
        return ReplayCheckpoint(
            number=int(value["number"]),
            chunks=int(value["chunks"]),
            memories=tuple(
                PipelineMemory(*(base64.b85decode(part) for part in pair))
                for pair in value["memories"]
            ),
            touches=tuple(base64.b85decode(item) for item in value["touches"]),
            summary=value["summary"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"cannot resume from {path}: {error}; start over with --overwrite"
        ) from error


def _compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    changed = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    if changed:
        key = changed[0]
        raise InputError(
            f"cannot resume: {', '.join(changed)} changed since ({key} was {old.get(key)!r}, is "
            f"{new.get(key)!r}); use the same inputs and options, or start over with --overwrite"
        )
