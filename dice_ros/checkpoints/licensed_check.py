"""Whether a licensed file, as downloaded, is whole and holds what it should."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dice_ros.checkpoints.body_files import is_synthetic, read_flame, read_landmarks, read_mano
from dice_ros.checkpoints.module_tensors import read_network_tensors
from dice_ros.checkpoints.synthetic_mark import SYNTHETIC_MARK
from dice_ros.checkpoints.template_files import (
    HAND_LEVELS,
    HEAD_LEVELS,
    read_down_sampling,
    read_hand_rest,
    read_head_rest,
    read_neck,
)
from dice_ros.errors import CheckpointError


def check_licensed_file(path: Path) -> str:
    """Read the file whole and say in a few words what it holds.

    Tensors of a network are read, not compared with any network.

    Raises:
        CheckpointError: it is damaged, unsafe, or not what its name says.
    """
    check = _CHECKS.get(path.name)
    if check is None:
        raise CheckpointError(f"{path}: nothing is known about a file named {path.name!r}")
    return check(path)


def _checkpoint(path: Path) -> str:
    tensors = read_network_tensors(path)
    numbers = sum(array.size for array in tensors.values())
    found = f"readable, {len(tensors)} tensors, {numbers / 1e6:.0f} million numbers"
    return _marked(found, SYNTHETIC_MARK in tensors)


def _flame(path: Path) -> str:
    return _marked(f"intact, {len(read_flame(path).v_template)} vertices", is_synthetic(path))


def _mano(path: Path) -> str:
    return _marked(f"intact, {len(read_mano(path).v_template)} vertices", is_synthetic(path))


def _landmarks(path: Path) -> str:
    return _marked(f"intact, {len(read_landmarks(path).full_faces)} landmarks", is_synthetic(path))


def _head_levels(path: Path) -> str:
    found = f"intact, {len(read_down_sampling(path, HEAD_LEVELS))} levels"
    return _marked(found, is_synthetic(path))


def _hand_levels(path: Path) -> str:
    found = f"intact, {len(read_down_sampling(path, HAND_LEVELS))} level"
    return _marked(found, is_synthetic(path))


def _head_rest(path: Path) -> str:
    return _marked(f"intact, {len(read_head_rest(path))} vertices", is_synthetic(path))


def _hand_rest(path: Path) -> str:
    return _marked(f"intact, {len(read_hand_rest(path))} vertices", is_synthetic(path))


def _neck(path: Path) -> str:
    return _marked(f"intact, {len(read_neck(path))} vertices", is_synthetic(path))


def _marked(text: str, synthetic: bool) -> str:
    return text + (" (SYNTHETIC stand-in)" if synthetic else "")


_CHECKS: dict[str, Callable[[Path], str]] = {
    "model.bin": _checkpoint,
    "snapshot_6.pth": _checkpoint,
    "generic_model.pkl": _flame,
    "MANO_RIGHT.pkl": _mano,
    "MANO_LEFT.pkl": _mano,
    "landmark_embedding.npy": _landmarks,
    "head_mesh_transforms.pt": _head_levels,
    "hand_mesh_transforms.pt": _hand_levels,
    "head_ref_vs.pt": _head_rest,
    "rh_ref_vs.pt": _hand_rest,
    "neck_idx.npy": _neck,
}
