import hashlib
import json
import resource
import struct

import numpy as np
import pytest

from dice_ros.checkpoints.weights_file import WeightsOrigin, read_weights, write_weights
from dice_ros.errors import CheckpointError, OutputError

pytest.importorskip("safetensors", reason="converted weights need safetensors")

ORIGIN = WeightsOrigin(
    hashlib.sha256(b"x").hexdigest(), True, {"hidden": [1024, 256], "eps": 1e-12}
)
SHAPES = {"z.weight": (40, 50), "a.bias": (), "n.batches": (3,)}


def tensors():
    rng = np.random.default_rng(1)
    return {
        "z.weight": rng.normal(size=(50, 40)).astype(np.float32).T,
        "a.bias": np.array(2.5, np.float32),
        "n.batches": np.arange(3),
    }


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "dice.safetensors"
    write_weights(path, tensors(), ORIGIN)
    return path


def test_what_was_written_is_read(path):
    found = read_weights(path, SHAPES)
    assert list(found.tensors) == list(SHAPES)
    for name, array in tensors().items():
        assert np.array_equal(found.tensors[name], array)
        assert found.tensors[name].dtype == array.dtype
    assert found.origin == ORIGIN
    assert read_weights(path).tensors.keys() == SHAPES.keys()
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_equal_weights_are_equal_bytes_that_safetensors_reads(path):
    before = path.read_bytes()
    write_weights(path, dict(reversed(tensors().items())), ORIGIN)
    assert path.read_bytes() == before
    library = pytest.importorskip("safetensors.numpy")
    for name, array in library.load_file(path).items():
        assert np.array_equal(array, tensors()[name])


@pytest.mark.parametrize("dtype", ["f8", "f2", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?"])
def test_every_dtype_is_kept(path, dtype):
    array = np.arange(7).astype(dtype)
    write_weights(path, {"a": array, "b": np.ones((0, 3), dtype)}, ORIGIN)
    found = read_weights(path).tensors
    assert found["a"].dtype == array.dtype
    assert np.array_equal(found["a"], array)
    assert found["b"].shape == (0, 3)


def test_a_dtype_without_a_place_in_the_format_is_named(path):
    with pytest.raises(OutputError, match="'a' is <U1"):
        write_weights(path, {"a": np.array(["x"])}, ORIGIN)


def test_a_file_is_replaced_as_a_whole(path):
    write_weights(path, {"a": np.ones(2)}, ORIGIN)
    assert list(read_weights(path).tensors) == ["a"]


def test_a_full_disk_leaves_the_old_file_and_no_part(path):
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(OutputError, match="cannot be written"):
            write_weights(path, {"a": np.ones(1 << 20)}, ORIGIN)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(OutputError, match="nowhere"):
        write_weights(tmp_path / "nowhere" / "a.safetensors", tensors(), ORIGIN)


def test_a_truncated_file_is_refused_wherever_it_ends(path):
    whole = path.read_bytes()
    for end in [*range(0, 400, 7), len(whole) // 2, len(whole) - 1]:
        path.write_bytes(whole[:end])
        with pytest.raises(CheckpointError, match=r"dice\.safetensors"):
            read_weights(path, SHAPES)


def test_damage_in_the_header_is_refused_cleanly(path):
    whole = path.read_bytes()
    (length,) = struct.unpack_from("<Q", whole)
    for place in range(8 + length):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x15]) + whole[place + 1 :])
        try:
            read_weights(path, SHAPES)
        except CheckpointError as error:
            assert "dice.safetensors" in str(error)


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        ({**SHAPES, "z.weight": (50, 40)}, r"'z.weight' has shape \(40, 50\), expected \(50, 40\)"),
        ({**SHAPES, "more": (1,)}, r"1 tensors are missing \['more'\]"),
        ({"a.bias": ()}, "2 unexpected"),
    ],
)
def test_other_tensors_than_expected_are_named(path, expected, message):
    with pytest.raises(CheckpointError, match=message):
        read_weights(path, expected)


def test_numbers_that_are_not_finite_are_refused_unless_allowed(path):
    write_weights(path, {"a": np.array([1, np.nan])}, ORIGIN)
    with pytest.raises(CheckpointError, match="'a' holds NaN"):
        read_weights(path)
    assert np.isnan(read_weights(path, require_finite=False).tensors["a"][1])


def test_another_format_is_refused(path):
    header = json.dumps({"__metadata__": {"format": "pt"}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    with pytest.raises(CheckpointError, match="format 'pt' version None"):
        read_weights(path)
    path.unlink()
    with pytest.raises(CheckpointError, match="is missing"):
        read_weights(path)
