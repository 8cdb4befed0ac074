"""The official files that only PyTorch can write; the same content always gives the same bytes."""

from __future__ import annotations

import importlib
import io
import pickle
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from dice_ros.errors import AssetError
from dice_ros.synthesis.stand_in_bodies.flame_landmarks import FlameLandmarks
from dice_ros.synthesis.stand_in_bodies.mesh_levels import MeshLevels


def write_mesh_transforms(path: Path, levels: MeshLevels, mark: dict[str, bool]) -> None:
    """``*_mesh_transforms.pt``: lists A, U, D of sparse float32 tensors, F of int64 tensors."""
    torch = _torch()
    lists: dict[str, Any] = {
        name: [_sparse(torch, matrix) for matrix in matrices]
        for name, matrices in (("A", levels.adjacency), ("U", levels.up), ("D", levels.down))
    }
    lists["F"] = [torch.from_numpy(faces.astype(np.int64)) for faces in levels.faces]
    torch.save(lists | mark, path)


def write_array(path: Path, array: NDArray[np.generic]) -> None:
    """A NumPy array saved with PyTorch, as ``*_ref_vs.pt``."""
    _torch().save(array, path)


def write_landmark_embedding(path: Path, landmarks: FlameLandmarks, mark: dict[str, bool]) -> None:
    """``landmark_embedding.npy``: a pickled dictionary whose dynamic entries are tensors."""
    torch = _torch()
    contour = landmarks.dynamic_triangles.shape[1]
    triangles, weights = landmarks.full.triangles.astype(np.int64), landmarks.full.barycentric
    entries = {
        "static_lmk_faces_idx": triangles[contour:].copy(),
        "static_lmk_bary_coords": weights[contour:].copy(),
        "dynamic_lmk_faces_idx": torch.from_numpy(landmarks.dynamic_triangles.astype(np.int64)),
        "dynamic_lmk_bary_coords": torch.from_numpy(
            landmarks.dynamic_barycentric.astype(np.float32)
        ),
        "full_lmk_faces_idx": triangles[None].copy(),
        "full_lmk_bary_coords": weights[None].copy(),
    }
    header = {"descr": "|O", "fortran_order": False, "shape": ()}
    content = np.empty((), dtype=object)
    content[()] = entries | mark
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        _pickle_with_tensors(torch, content, file)


def _sparse(torch: Any, matrix: Any) -> Any:
    places = np.stack([matrix.row, matrix.col]).astype(np.int64)
    values = matrix.data.astype(np.float32)
    tensor = torch.sparse_coo_tensor(
        torch.from_numpy(places), torch.from_numpy(values), matrix.shape, check_invariants=True
    )
    return tensor.coalesce()


def _pickle_with_tensors(torch: Any, content: object, file: BinaryIO) -> None:
    """Pickle as PyTorch does, but for the memory addresses it names storages by."""

    def reduce_storage(storage: Any) -> tuple[Any, tuple[bytes]]:
        buffer = io.BytesIO()
        torch.save(storage, buffer, _use_new_zipfile_serialization=False)
        address = str(storage._untyped_storage._cdata).encode()
        data = buffer.getvalue().replace(_text(address), _text(b"0"))
        return torch.storage._load_from_bytes, (data,)

    pickler = pickle.Pickler(file, protocol=2)
    pickler.dispatch_table = {torch.storage.TypedStorage: reduce_storage}
    pickler.dump(content)


def _text(text: bytes) -> bytes:
    """A short text as pickle protocol 2 writes it."""
    return b"X" + len(text).to_bytes(4, "little") + text


def _torch() -> Any:
    try:
        return importlib.import_module("torch")
    except ImportError:
        raise AssetError(
            "writing the stand-ins for the licensed files needs PyTorch: `pip install torch`"
        ) from None
