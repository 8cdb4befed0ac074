"""Exported meshes, read back by readers of their own, hold what the results hold."""

import json
import struct

import numpy as np
import pytest

from dice_ros.errors import InputError, OutputError
from dice_ros.viewer.frame_mesh import frame_mesh
from dice_ros.viewer.mesh_files import FORMATS, write_mesh

FROM_CAM = np.array([1.0, -1.0, -1.0], np.float32)


@pytest.fixture(scope="module")
def touching(pipeline, touching_render):
    pipeline.reset()
    result = pipeline.process(touching_render[0])
    return result.interactions, {item.id: item for item in pipeline.topologies}


@pytest.fixture(scope="module")
def mesh(touching):
    return frame_mesh(*touching)


def read_ply(path):
    header, _, body = path.read_bytes().partition(b"end_header\n")
    counts = [int(line.split()[-1]) for line in header.decode().split("\n") if "element" in line]
    vertices = np.frombuffer(body, [("place", "<f4", 3), ("colour", "u1", 3)], counts[0])
    faces = np.frombuffer(
        body, [("count", "u1"), ("corners", "<i4", 3)], counts[1], offset=vertices.nbytes
    )
    assert (faces["count"] == 3).all()
    assert vertices.nbytes + faces.nbytes == len(body)
    return vertices["place"], faces["corners"], vertices["colour"] / 255


def read_obj(path):
    lines = [line.split() for line in path.read_text().splitlines()]
    vertices = np.array([line[1:] for line in lines if line[0] == "v"], float)
    faces = np.array([line[1:] for line in lines if line[0] == "f"], int)
    return vertices[:, :3], faces - 1, vertices[:, 3:]


def read_glb(path):
    data = path.read_bytes()
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    size, kind = struct.unpack_from("<I4s", data, 12)
    assert kind == b"JSON"
    assert size % 4 == 0
    document = json.loads(data[20 : 20 + size])
    binary_size, binary_kind = struct.unpack_from("<I4s", data, 20 + size)
    binary = data[28 + size :]
    assert (binary_kind, binary_size) == (b"BIN\0", len(binary))
    shapes = {"VEC3": 3, "VEC4": 4, "SCALAR": 1}
    kinds = {5126: "<f4", 5121: "u1", 5125: "<u4"}
    (primitive,) = document["meshes"][0]["primitives"]

    def array(number):
        accessor = document["accessors"][number]
        view = document["bufferViews"][accessor["bufferView"]]
        width = shapes[accessor["type"]]
        found = np.frombuffer(
            binary, kinds[accessor["componentType"]], accessor["count"] * width, view["byteOffset"]
        )
        return found.reshape(-1, width)

    places = array(primitive["attributes"]["POSITION"])
    assert document["accessors"][0]["min"] == pytest.approx(places.min(axis=0).tolist())
    normals = array(primitive["attributes"]["NORMAL"])
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0, atol=1e-4)
    colours = array(primitive["attributes"]["COLOR_0"])[:, :3]
    return places, array(primitive["indices"]).reshape(-1, 3), (colours / 255) ** (1 / 2.2)


READERS = {".ply": (read_ply, 0.003), ".obj": (read_obj, 1e-5), ".glb": (read_glb, 0.09)}


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_holds_the_mesh_and_its_colours(mesh, tmp_path, suffix):
    path = tmp_path / f"frame{suffix}"
    write_mesh(path, mesh)
    read, tolerance = READERS[suffix]
    places, faces, colours = read(path)
    np.testing.assert_allclose(places, mesh.vertices * FROM_CAM, atol=1e-5)
    np.testing.assert_array_equal(faces, mesh.triangles)
    np.testing.assert_allclose(colours, mesh.colours, atol=tolerance)


def test_heads_and_hands_are_joined_and_contact_is_red(mesh, touching):
    (item,), topologies = touching
    counts = [len(item.face.vertices), *(len(hand.vertices) for hand in item.hands)]
    assert len(mesh.vertices) == sum(counts)
    triangles = [topologies[x.topology].triangles for x in (item.face, *item.hands)]
    assert len(mesh.triangles) == sum(map(len, triangles))
    assert mesh.triangles[len(triangles[0]) :].min() >= counts[0]
    own = mesh.colours[: counts[0]]
    redness = own[:, 0] - own[:, 2]
    touched = item.face.contact > 0.5
    free = (item.face.contact < 1e-3) & (np.linalg.norm(item.face.deformation, axis=1) < 1e-5)
    assert redness[touched].min() > 0.2
    np.testing.assert_allclose(own[free], [[0.8, 0.88, 1.0]] * free.sum(), atol=2e-3)


def test_a_frame_without_anybody_is_no_file(touching, tmp_path):
    with pytest.raises(OutputError, match="no mesh in this frame"):
        write_mesh(tmp_path / "empty.ply", frame_mesh((), touching[1]))


def test_an_unknown_format_names_the_known_ones(mesh, tmp_path):
    with pytest.raises(OutputError, match=r"\.ply, \.obj, \.glb"):
        write_mesh(tmp_path / "frame.stl", mesh)
    with pytest.raises(OutputError, match="cannot write"):
        write_mesh(tmp_path / "missing" / "frame.ply", mesh)


def test_a_missing_topology_is_said(touching):
    with pytest.raises(InputError, match="make them anew"):
        frame_mesh(touching[0], {})
