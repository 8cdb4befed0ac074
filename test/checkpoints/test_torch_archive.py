import io
import struct
import zipfile

import numpy as np
import pytest
import scipy.sparse
from checkpoints.saved_networks import save, small_network, torch

from dice_ros.checkpoints.module_tensors import read_network_tensors
from dice_ros.checkpoints.sparse_matrix import SparseMatrix
from dice_ros.checkpoints.torch_archive import read_torch_file
from dice_ros.errors import CheckpointError

BOTH = pytest.mark.parametrize("zipped", [True, False])
DTYPES = [
    *("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool"),
    *("complex64", "complex128"),
]


@BOTH
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_keeps_its_bits(tmp_path, zipped, dtype):
    tensor = (torch.randn(3, 4) * 50).to(getattr(torch, dtype))
    found = read_torch_file(save(tmp_path / "t.pt", tensor, zipped=zipped)).value()
    assert found.dtype == dtype
    assert found.tobytes() == tensor.numpy().tobytes()


@BOTH
def test_bfloat16_is_widened_without_loss(tmp_path, zipped):
    tensor = torch.tensor([1.0, -0.0, 3.14, 1e38, float("inf"), 1e-40]).bfloat16()
    found = read_torch_file(save(tmp_path / "t.pt", tensor, zipped=zipped)).value()
    assert found.tobytes() == tensor.float().numpy().tobytes()


@BOTH
def test_newer_dtypes_are_read_through_untyped_storages(tmp_path, zipped):
    tensor = torch.arange(70000, dtype=torch.int64).to(torch.uint16)
    found = read_torch_file(save(tmp_path / "t.pt", tensor, zipped=zipped)).value()
    assert found.dtype == np.uint16
    assert np.array_equal(found, tensor.numpy())


@BOTH
def test_views_of_one_storage_and_odd_shapes_are_read(tmp_path, zipped):
    base = torch.arange(24.0)
    value = {
        "part": base[3:9],
        "strided": base.view(4, 6)[1:, ::2].t(),
        "number": torch.tensor(7.0),
        "empty": torch.zeros(0, 3),
        "wide": torch.ones(1).expand(5, 4),
        "size": base.view(4, 6).shape,
        "dtype": torch.float32,
        "numpy": np.arange(5),
        "scalar": np.float32(2.5),
        "set": {1, 2},
        "bytes": b"\xff\x00",
    }
    found = read_torch_file(save(tmp_path / "t.pt", value, zipped=zipped)).value()
    for name in ("part", "strided", "number", "empty", "wide"):
        assert np.array_equal(found[name], value[name].numpy()), name
    assert found["size"] == (4, 6)
    assert found["numpy"].tolist() == [0, 1, 2, 3, 4]
    assert found["scalar"] == np.float32(2.5)
    assert found["set"] == {1, 2}
    assert found["bytes"] == b"\xff\x00"


@BOTH
@pytest.mark.parametrize("kind", ["coo", "csr", "csc", "scipy csc", "scipy csr", "scipy coo"])
def test_sparse_matrices_of_both_libraries_are_read(tmp_path, zipped, kind):
    dense = np.round(np.random.default_rng(2).random((5, 7)), 2) * (np.arange(7) % 3 == 0)
    if kind.startswith("scipy"):
        matrix = getattr(scipy.sparse, f"{kind[6:]}_matrix")(dense)
    else:
        matrix = getattr(torch.from_numpy(dense), f"to_sparse_{kind}")
        matrix = torch.from_numpy(dense).to_sparse() if kind == "coo" else matrix()
    found = read_torch_file(save(tmp_path / "t.pt", [matrix], zipped=zipped)).value()[0]
    assert isinstance(found, SparseMatrix)
    assert np.array_equal(found.dense(), dense)


def test_large_tensors_are_views_of_the_file(tmp_path):
    path = save(tmp_path / "t.pt", {"a": torch.ones(1 << 20), "b": torch.ones(4)})
    found = read_torch_file(path).value()
    assert not found["a"].flags.owndata
    assert not found["a"].flags.writeable


@BOTH
def test_a_truncated_network_is_refused_wherever_it_ends(tmp_path, zipped):
    network, classes = small_network()
    whole = save(tmp_path / "whole.bin", network, classes, zipped).read_bytes()
    assert read_network_tensors(tmp_path / "whole.bin")
    path = tmp_path / "model.bin"
    places = np.random.default_rng(4).integers(0, len(whole), 150).tolist()
    for end in sorted({*range(40), *places, *range(len(whole) - 40, len(whole))}):
        path.write_bytes(whole[:end])
        with pytest.raises(CheckpointError, match=r"model\.bin"):
            read_network_tensors(path)


def test_a_truncated_stream_names_the_storage(tmp_path):
    whole = save(tmp_path / "whole.pt", {"a": torch.ones(99)}, zipped=False).read_bytes()
    path = tmp_path / "model.bin"
    path.write_bytes(whole[:-10])
    with pytest.raises(CheckpointError, match=r"storage '\d+' \(1 of 1\) has 386 bytes, .* 396"):
        read_network_tensors(path)


@BOTH
def test_damaged_bytes_never_end_in_another_error(tmp_path, zipped):
    network, classes = small_network()
    whole = save(tmp_path / "whole.bin", network, classes, zipped).read_bytes()
    path = tmp_path / "model.bin"
    rng = np.random.default_rng(9)
    for _ in range(300):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), 3):
            damaged[place] = rng.integers(0, 256)
        path.write_bytes(damaged)
        try:
            read_network_tensors(path)
        except CheckpointError as error:
            assert "model.bin" in str(error)
            assert isinstance(error.__cause__, (CheckpointError, OSError))


def test_damage_in_a_storage_of_an_archive_names_the_tensor(tmp_path):
    path = save(tmp_path / "t.pt", {"weight": torch.full((64,), 3.0)})
    path.write_bytes(path.read_bytes().replace(struct.pack("<2f", 3, 3), b"damaged!", 1))
    with pytest.raises(CheckpointError, match=r"tensor 'weight': data/0 is damaged"):
        read_network_tensors(path)


def rewritten(path, change=None, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path) as archive:
        members = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    if change:
        change(members)
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_a_compressed_archive_is_refused_so_that_it_cannot_unfold(tmp_path):
    path = rewritten(save(tmp_path / "t.pt", torch.ones(9)), compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(CheckpointError, match=r"data\.pkl is compressed"):
        read_torch_file(path).value()


def test_a_storage_of_another_size_is_refused(tmp_path):
    def shorten(members):
        members["t/data/0"] = members["t/data/0"][:-4]

    path = rewritten(save(tmp_path / "t.pt", torch.ones(9)), shorten)
    with pytest.raises(CheckpointError, match="storage '0' has 32 bytes, expected 36"):
        read_torch_file(path).value()


def test_a_missing_storage_is_refused(tmp_path):
    path = rewritten(save(tmp_path / "t.pt", torch.ones(9)), lambda m: m.pop("t/data/0"))
    with pytest.raises(CheckpointError, match="data/0 is not in the archive"):
        read_torch_file(path).value()


@pytest.mark.parametrize(
    ("size", "stride", "offset", "message"),
    [
        ((10,), (1,), 0, "leaves its storage of 9 elements"),
        ((9,), (1,), 1, "leaves its storage"),
        ((3, 3), (4, 1), 0, "leaves its storage"),
        ((9,), (-1,), 8, "holds -1"),
        ((-9,), (1,), 0, "holds -9"),
        ((9,), (1,), -1, "holds -1"),
        ((3, 3), (1,), 0, "has stride"),
        ((1 << 62, 1 << 62), (0, 0), 0, "expected at most"),
        ((1 << 33,), (0,), 0, "expected at most"),
        ((0, 1 << 62), (1, 1), 0, "too large"),
        ((1,) * 70, (1,) * 70, 0, "has stride"),
    ],
)
def test_a_view_that_leaves_its_storage_is_refused(tmp_path, size, stride, offset, message):
    class Forged:
        def __reduce__(self):
            storage = torch.ones(9).storage()
            arguments = (storage, offset, size, stride, False, {})
            return torch._utils._rebuild_tensor_v2, arguments

    for zipped in (True, False):
        path = save(tmp_path / "t.pt", {"w": Forged()}, zipped=zipped)
        with pytest.raises(CheckpointError, match=f"tensor 'w': .*{message}"):
            read_network_tensors(path)


def test_other_files_are_refused_with_what_they_are(tmp_path):
    path = tmp_path / "model.bin"
    with pytest.raises(CheckpointError, match="is missing"):
        read_torch_file(path)
    path.write_bytes(b"")
    with pytest.raises(CheckpointError, match="is empty"):
        read_torch_file(path)
    for content in (b"version https://git-lfs.github.com/spec/v1\n", b"<html>", b"\0" * 600):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match="truncated or damaged"):
            read_torch_file(path)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.txt", "hello")
    path.write_bytes(stream.getvalue())
    with pytest.raises(CheckpointError, match=r"without one data\.pkl"):
        read_torch_file(path)
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_torch_file(tmp_path)


def test_big_endian_storages_are_swapped(tmp_path):
    def swap(members):
        members["t/byteorder"] = b"big"
        members["t/data/0"] = np.arange(3, dtype=">f4").tobytes()

    path = rewritten(save(tmp_path / "t.pt", torch.zeros(3)), swap)
    assert read_torch_file(path).value().tolist() == [0, 1, 2]
