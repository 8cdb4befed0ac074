"""Small files that would keep a reader busy for ever or fill the memory: refused at once.

Each is read by a process of its own, so that a reader that hangs fails its test instead of the run.
"""

import pickle
import struct
import subprocess
import sys

import numpy as np
import pytest
from checkpoints.saved_networks import torch

from dice_ros.checkpoints.dictionary_keys import checked_key
from dice_ros.checkpoints.module_tensors import read_network_tensors
from dice_ros.checkpoints.read_budget import ReadBudget
from dice_ros.checkpoints.torch_archive import read_torch_file
from dice_ros.errors import CheckpointError

PATIENCE_S = 300
READ = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
from dice_ros.checkpoints.module_tensors import read_network_tensors
from dice_ros.errors import CheckpointError
try:
    read_network_tensors(Path(sys.argv[1]))
except CheckpointError as error:
    print(error)
"""
KEY = "a dictionary or set has a key of type tuple"


def refusal(path):
    """What a reader of its own says about a file."""
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout, "it was read without complaint"
    assert len(done.stdout) < 1000
    return done.stdout


# Tuples of two that hold the one before twice: 2 ** 60 to whoever walks or hashes them.
SHARED = b")" + b"2\x86" * 60
FIRST, LAST = b"\x80\x04", b"."
PLACES = {
    "SETITEM": b"}" + SHARED + b"Ns",
    "SETITEMS": b"}(" + SHARED + b"Nu",
    "DICT": b"(" + SHARED + b"Nd",
    "ADDITEMS": b"\x8f(" + SHARED + b"\x90",
    "FROZENSET": b"(" + SHARED + b"\x91",
    "from the memo": b"}" + SHARED + b"q\x00" + b"0h\x00Ns",
    "inside an OrderedDict": b"ccollections\nOrderedDict\n)R" + SHARED + b"Ns",
    "pairs of an OrderedDict": b"ccollections\nOrderedDict\n(](" + SHARED + b"N\x86etR",
}


@pytest.mark.parametrize("place", PLACES)
def test_a_key_that_takes_for_ever_to_hash_is_refused(tmp_path, place):
    path = tmp_path / "model.bin"
    path.write_bytes(FIRST + PLACES[place] + LAST)
    assert path.stat().st_size < 200
    assert KEY in refusal(path)


def test_members_of_a_set_are_refused_when_they_are_tuples(tmp_path):
    path = tmp_path / "model.bin"
    members = b"cbuiltins\nset\n(](" + SHARED + b"etR"
    path.write_bytes(FIRST + b"}X\x01\x00\x00\x00w" + members + b"s" + LAST)
    assert KEY in refusal(path)


def test_numbers_that_share_a_hash_have_a_limit():
    budget = ReadBudget()
    with pytest.raises(CheckpointError, match="numbers as dictionary keys"):
        for number in range(20_000):
            checked_key(number * (2**61 - 1), budget)
    assert checked_key("text", budget) == "text"


def test_a_name_that_is_no_text_is_not_printed(tmp_path):
    path = tmp_path / "model.bin"
    network = b"ccollections\nOrderedDict\n(](" + SHARED + b"N\x86etR"
    path.write_bytes(FIRST + network + LAST)
    assert KEY in refusal(path)
    path.write_bytes(FIRST + b"}K\x07Ns" + LAST)
    with pytest.raises(CheckpointError, match="named by int, expected a text"):
        read_network_tensors(path)


def test_names_are_cut_in_messages(tmp_path):
    path = tmp_path / "model.bin"
    torch.save({"w" * 1_000_000: torch.zeros(1)}, path)
    assert "1000000 characters, expected at most 200" in refusal(path)
    path.write_bytes(b"c" + b"os" * 500_000 + b"\nsystem\n.")
    assert "do not trust it" in refusal(path)


def test_a_layout_of_shared_tuples_is_not_printed(tmp_path):
    path = tmp_path / "model.bin"
    layout = b"ctorch._utils\n_rebuild_sparse_tensor\n(" + SHARED + b"(ttR"
    path.write_bytes(FIRST + b"}X\x01\x00\x00\x00w" + layout + b"s" + LAST)
    assert "sparse tensor" in refusal(path)


def test_endless_opcodes_are_refused(tmp_path):
    path = tmp_path / "model.bin"
    path.write_bytes(FIRST + b"N0" * 6_000_000 + b"N" + LAST)
    assert "pickle opcodes" in refusal(path)


def test_hidden_files_share_the_limit_on_opcodes(tmp_path):
    head = [0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True}]
    inside = b"".join(pickle.dumps(part, 2) for part in head)
    inside += b"\x80\x02" + b"N0" * 100_000 + b"N." + pickle.dumps([], 2)
    text = b"B" + struct.pack("<I", len(inside)) + inside + b"\x85q\x00"
    load = b"ctorch.storage\n_load_from_bytes\nq\x01"
    path = tmp_path / "model.bin"
    path.write_bytes(b"\x80\x03" + load + b"0" + text + b"0(" + b"h\x01h\x00R" * 900 + b"l" + LAST)
    with pytest.raises(CheckpointError, match="pickle opcodes"):
        read_torch_file(path).value()


def test_a_huge_pickle_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "model.bin"
    with path.open("wb") as file:
        file.write(FIRST + b"B" + struct.pack("<I", (1 << 28) + 5))
        file.truncate((1 << 28) + 100)
    assert "neither a torch archive nor a pickle" in refusal(path)


def test_a_text_is_not_spread_out_into_arguments(tmp_path):
    path = tmp_path / "model.bin"
    text = b"X" + struct.pack("<I", 1 << 20) + b"a" * (1 << 20) + b"q\x00"
    made = b"ctorch.nn.modules.linear\nLinear\nq\x01h\x00\x81" + b"h\x01h\x00\x81" * 1000
    path.write_bytes(FIRST + text + b"(" + made + b"l" + LAST)
    assert "gives str as arguments" in refusal(path)


def test_a_published_sized_state_dict_stays_well_below_the_limits(tmp_path):
    names = [f"backbone.stage4.0.branches.3.{number}.conv1.weight" for number in range(2454)]
    torch.save({name: torch.zeros(1) for name in names}, tmp_path / "model.bin")
    found = read_network_tensors(tmp_path / "model.bin")
    assert list(found) == names
    assert all(np.shape(array) == (1,) for array in found.values())
