"""Coloured meshes as files that every 3D program opens: PLY, OBJ, glTF binary.

Files have y up and z towards the viewer, as these programs expect; cameras have y down and z
forward. Units are metres.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dice_ros.body.vertex_normals import vertex_normals
from dice_ros.errors import OutputError
from dice_ros.types import Float32Array, UInt8Array
from dice_ros.viewer.frame_mesh import FrameMesh
from dice_ros.whole_file import write_whole

_FROM_CAM = np.array([1.0, -1.0, -1.0], dtype=np.float32)
_GLB_MAGIC, _GLB_VERSION = 0x46546C67, 2
_JSON_CHUNK, _BINARY_CHUNK = 0x4E4F534A, 0x004E4942
_FLOAT, _UNSIGNED_BYTE, _UNSIGNED_INT = 5126, 5121, 5125
_VERTEX_BUFFER, _INDEX_BUFFER = 34962, 34963


def write_mesh(path: Path, mesh: FrameMesh) -> None:
    """Write a mesh in the format that the file's name asks for.

    Raises:
        OutputError: the format is not known, the mesh is empty, or the file cannot be written.
    """
    write = _WRITERS.get(path.suffix.lower())
    if write is None:
        raise OutputError(f"{path}: meshes are written as {', '.join(_WRITERS)}; choose one")
    if not len(mesh.triangles):
        raise OutputError(f"{path}: there is no mesh in this frame; choose another one")
    write_whole(path, write(mesh))


def _ply(mesh: FrameMesh) -> bytes:
    header = "\n".join(
        [
            "ply",
            "format binary_little_endian 1.0",
            f"element vertex {len(mesh.vertices)}",
            *(f"property float {axis}" for axis in "xyz"),
            *(f"property uchar {channel}" for channel in ("red", "green", "blue")),
            f"element face {len(mesh.triangles)}",
            "property list uchar int vertex_indices",
            "end_header\n",
        ]
    )
    vertices = np.zeros(len(mesh.vertices), dtype=[("place", "<f4", 3), ("colour", "u1", 3)])
    vertices["place"], vertices["colour"] = _places(mesh), _bytes(mesh)
    faces = np.zeros(len(mesh.triangles), dtype=[("count", "u1"), ("corners", "<i4", 3)])
    faces["count"], faces["corners"] = 3, mesh.triangles
    return header.encode() + vertices.tobytes() + faces.tobytes()


def _obj(mesh: FrameMesh) -> bytes:
    """Colours follow the coordinates, as most programs read them."""
    rows = np.concatenate([_places(mesh), mesh.colours], axis=1).tolist()
    lines = ["v " + " ".join(f"{value:.6g}" for value in row) for row in rows]
    lines += [f"f {a} {b} {c}" for a, b, c in (mesh.triangles + 1).tolist()]
    return ("\n".join(lines) + "\n").encode()


def _glb(mesh: FrameMesh) -> bytes:
    places = _places(mesh)
    normals = vertex_normals(places, mesh.triangles)
    # glTF colours are linear; ours are as a screen shows them. Four bytes keep rows aligned.
    linear = 255.0 * np.clip(mesh.colours, 0.0, 1.0) ** 2.2 + 0.5
    colours = np.full((len(places), 4), 255, dtype=np.uint8)
    colours[:, :3] = linear.astype(np.uint8)
    parts = [
        places.astype("<f4").tobytes(),
        normals.astype("<f4").tobytes(),
        colours.tobytes(),
        mesh.triangles.astype("<u4").tobytes(),
    ]
    views, start = [], 0
    for number, part in enumerate(parts):
        target = _INDEX_BUFFER if number == len(parts) - 1 else _VERTEX_BUFFER
        views.append({"buffer": 0, "byteOffset": start, "byteLength": len(part), "target": target})
        start += len(part)
    count = len(places)
    accessors: list[dict[str, object]] = [
        {
            **{"bufferView": 0, "componentType": _FLOAT, "count": count, "type": "VEC3"},
            **{"min": places.min(axis=0).tolist(), "max": places.max(axis=0).tolist()},
        },
        {"bufferView": 1, "componentType": _FLOAT, "count": count, "type": "VEC3"},
        {
            **{"bufferView": 2, "componentType": _UNSIGNED_BYTE, "count": count},
            **{"type": "VEC4", "normalized": True},
        },
        {
            **{"bufferView": 3, "componentType": _UNSIGNED_INT},
            **{"count": 3 * len(mesh.triangles), "type": "SCALAR"},
        },
    ]
    primitive = {"attributes": {"POSITION": 0, "NORMAL": 1, "COLOR_0": 2}, "indices": 3}
    matte = {"metallicFactor": 0.0, "roughnessFactor": 0.9}
    document = {
        "asset": {"version": "2.0", "generator": "dice_ros"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{**primitive, "material": 0}]}],
        "materials": [{"pbrMetallicRoughness": matte, "doubleSided": True}],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": start}],
    }
    text = json.dumps(document, separators=(",", ":")).encode()
    chunks = _chunk(_JSON_CHUNK, text, b" ") + _chunk(_BINARY_CHUNK, b"".join(parts), b"\0")
    return struct.pack("<III", _GLB_MAGIC, _GLB_VERSION, 12 + len(chunks)) + chunks


def _chunk(kind: int, data: bytes, filler: bytes) -> bytes:
    data += filler * (-len(data) % 4)
    return struct.pack("<II", len(data), kind) + data


def _places(mesh: FrameMesh) -> Float32Array:
    # Two axes turn round, so triangles keep their winding.
    return np.asarray(mesh.vertices * _FROM_CAM, dtype=np.float32)


def _bytes(mesh: FrameMesh) -> UInt8Array:
    return (255.0 * np.clip(mesh.colours, 0.0, 1.0) + 0.5).astype(np.uint8)


_WRITERS: dict[str, Callable[[FrameMesh], bytes]] = {".ply": _ply, ".obj": _obj, ".glb": _glb}
FORMATS = tuple(_WRITERS)
