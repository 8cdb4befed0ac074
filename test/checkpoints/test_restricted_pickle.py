import copyreg
import functools
import importlib
import io
import operator
import os
import pickle
import struct
import subprocess
import time
import types
import zipfile

import numpy as np
import pytest
from checkpoints.passing_modules import temporary_modules

from dice_ros.checkpoints.inert import Inert
from dice_ros.checkpoints.pickle_names import allowed_name
from dice_ros.checkpoints.pickled_arrays import read_npy_file
from dice_ros.checkpoints.restricted_pickle import load_inert
from dice_ros.checkpoints.torch_archive import read_torch_file
from dice_ros.errors import CheckpointError


class Call:
    """Pickles as a call of ``function(*args)``."""

    def __init__(self, function, *args):
        self.function = function
        self.args = args

    def __reduce__(self):
        return self.function, self.args


def stack_global(module, name, argument):
    """Protocol 4: a global by name, called with one text."""

    def text(value):
        return b"\x8c" + bytes([len(value)]) + value.encode()

    return b"\x80\x04" + text(module) + text(name) + b"\x93" + text(argument) + b"\x85R."


def plain_global(module, name, argument="x"):
    return f"c{module}\n{name}\n(V{argument}\ntR.".encode()


@pytest.fixture
def sentinel(tmp_path):
    """A file that every payload tries to make; it must never appear."""
    path = tmp_path / "ran"
    yield path
    assert not path.exists()


def payloads(sentinel):
    touch = f"touch {sentinel}"
    code = f"open({str(sentinel)!r}, 'w').close()"
    opened = (str(sentinel), "w")
    return {
        "posix.system": Call(os.system, touch),
        "posix.popen|os.popen": Call(os.popen, touch),
        "builtins.eval": Call(eval, code),
        "builtins.exec": Call(exec, code),
        "builtins.getattr": Call(getattr, "", "join"),
        "builtins.__import__": Call(__import__, "this"),
        "builtins.compile": Call(compile, code, "x", "exec"),
        "io.open|_io.open|builtins.open": Call(open, *opened),
        "builtins.map": Call(map, print, (1,)),
        "subprocess.Popen": Call(subprocess.Popen, ["touch", str(sentinel)]),
        "subprocess.check_output": Call(subprocess.check_output, ["touch", str(sentinel)]),
        "importlib.import_module": Call(importlib.import_module, "this"),
        "functools.partial": Call(functools.partial, os.system, touch),
        "operator.attrgetter": Call(operator.attrgetter, "a"),
        "operator.methodcaller": Call(operator.methodcaller, "a"),
        "types.SimpleNamespace": Call(types.SimpleNamespace),
        "numpy.load": Call(np.load, str(sentinel)),
        "numpy.save": Call(np.save, str(sentinel), 1),
        "numpy.fromfile": Call(np.fromfile, str(sentinel)),
        "numpy.memmap": Call(np.memmap, str(sentinel), "u1", "w+", 0, (4,)),
        "pickle.loads|_pickle.loads": Call(pickle.loads, b"N."),
    }


NAMES = sorted(payloads("x"))


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("name", NAMES)
def test_a_call_of_anything_else_is_refused_by_name(sentinel, name, protocol):
    payload = payloads(sentinel)[name]
    data = pickle.dumps({"weights": [payload]}, protocol)
    with pytest.raises(CheckpointError, match="do not trust it") as refused:
        load_inert(data)
    assert payload.function.__name__ in str(refused.value)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("posix", "system"),
        ("nt", "system"),
        ("__builtin__", "eval"),
        ("builtins", "getattr"),
        ("builtins", "setattr"),
        ("types", "CodeType"),
        ("types", "FunctionType"),
        ("builtins", "type"),
        ("torch", "load"),
        ("torch.serialization", "load"),
        ("torch.hub", "load"),
        ("torch", "_utils.os.system"),
        ("torch._utils", "_rebuild_tensor_v2.__globals__"),
        ("torch.nn.modules", "module.torch.load"),
        ("torch.nn.modules.module", "Module.__init__.__globals__"),
        ("torch.nn.modules.module.os", "system"),
        ("torch.nn.modules.module", "__builtins__.eval"),
        ("torch.jit", "load"),
        ("torch.utils.cpp_extension", "load_inline"),
        ("torch._inductor.codecache", "compile_file"),
        ("numpy", "load"),
        ("numpy.f2py.crackfortran", "getlincoef"),
        ("numpy.f2py.diagnose", "run_command"),
        ("numpy.testing._private.utils", "runstring"),
        ("numpy.core", "multiarray._reconstruct.__self__"),
        ("collections", "OrderedDict.__init__"),
        ("collections", "namedtuple"),
        ("chumpy.utils", "run"),
        ("chumpy.ch", "os.system"),
        ("scipy.sparse.csc", "np.load"),
        ("metro.modeling.bert.modeling_metro", "os"),
        ("yacs.config", "load_cfg"),
        ("yacs.config", "exec"),
        ("copyreg", "__newobj__"),
        ("copyreg", "add_extension"),
        ("copy_reg", "_extension_registry"),
        ("_codecs", "decode"),
        ("codecs", "open"),
        ("dice_ros.checkpoints.inert", "Inert"),
        ("sys", "modules"),
        ("timeit", "timeit"),
        ("runpy", "run_path"),
        ("pty", "spawn"),
        ("webbrowser", "open"),
        ("ctypes", "CDLL"),
        ("multiprocessing.util", "spawnv_passfds"),
        ("pip", "main"),
    ],
)
def test_a_name_that_is_not_on_the_list_is_refused(sentinel, module, name):
    for data in (
        stack_global(module, name, f"touch {sentinel}"),
        plain_global(module, name, f"touch {sentinel}"),
        f"(Vtouch {sentinel}\ni{module}\n{name}\n.".encode(),
        f"(c{module}\n{name}\nVtouch {sentinel}\no.".encode(),
    ):
        with pytest.raises(CheckpointError) as refused:
            load_inert(data)
        assert f"{module}.{name}" in str(refused.value)


def test_no_allowed_name_contains_a_dot_or_odd_letters():
    for name in ("Linear.forward", "Linear\n", " Linear", "Línear", "", "Linear()"):
        assert allowed_name("torch.nn.modules.linear", name) is None
    assert allowed_name("torch.nn.modules.linear", "Linear") == "torch.nn.modules.linear.Linear"
    assert allowed_name("torch.nn.modules.linear\n", "Linear") is None


def test_extension_codes_are_refused_even_when_registered(sentinel):
    copyreg.add_extension("os", "system", 0x7E)
    try:
        data = pickle.dumps(Call(os.system, f"touch {sentinel}"), 2)
        body = b"(V" + f"touch {sentinel}".encode() + b"\ntR."
        for code in (b"\x82\x7e", b"\x83\x7e\x00", b"\x84\x7e\x00\x00\x00"):
            with pytest.raises(CheckpointError, match="EXT"):
                load_inert(b"\x80\x02" + code + body)
        with pytest.raises(CheckpointError, match=r"posix\.system"):
            load_inert(data)
    finally:
        copyreg.remove_extension("os", "system", 0x7E)


def test_state_never_becomes_attributes():
    state = {"__class__": "evil", "__reduce__": 1, "origin": "os.system", "args": ("x",)}
    data = b"\x80\x02ctorch.nn.modules.linear\nLinear\n)\x81" + pickle.dumps(state, 2)[2:-1] + b"b."
    root = load_inert(data).root
    assert isinstance(root, Inert)
    assert root.origin == "torch.nn.modules.linear.Linear"
    assert root.args == ()
    assert root.state == state
    assert not hasattr(root, "__dict__")


@pytest.mark.parametrize(
    "target",
    [
        b"ctorch.nn.modules.linear\nLinear\n",
        b"ctorch._utils\n_rebuild_tensor_v2\n",
        b"cnumpy\ndtype\n",
        b"ccollections\nOrderedDict\n",
        b"]",
        b"K\x01",
        b"}",
    ],
)
@pytest.mark.parametrize(
    "state",
    [
        b"}X\x0c\x00\x00\x00__setstate__K\x01s",
        b"}X\x08\x00\x00\x00__call__K\x01s",
        b"N}X\x06\x00\x00\x00originX\x09\x00\x00\x00os.systems\x86",
    ],
)
def test_state_for_a_name_itself_or_a_plain_value_is_refused(target, state):
    before = allowed_name("collections", "OrderedDict")
    with pytest.raises(CheckpointError):
        load_inert(b"\x80\x02" + target + state + b"b.")
    assert allowed_name("collections", "OrderedDict") == before
    assert "__call__" not in vars(Inert)


def test_a_second_state_is_refused():
    made = b"ctorch.nn.modules.linear\nLinear\n)\x81}K\x01K\x02sb}K\x03K\x04sb."
    with pytest.raises(CheckpointError, match="set twice"):
        load_inert(b"\x80\x02" + made)


def test_a_reconstructor_on_another_base_is_refused(tmp_path):
    path = tmp_path / "a.pkl"
    path.write_bytes(
        b"ccopy_reg\n_reconstructor\n(ctorch.nn.modules.linear\nLinear\nc__builtin__\nset\nNtR."
    )
    with pytest.raises(CheckpointError, match=r"on the name builtins\.set, expected a class"):
        read_torch_file(path).value()


def test_made_objects_cannot_be_called():
    with pytest.raises(CheckpointError, match="not callable"):
        load_inert(b"\x80\x02ctorch.nn.modules.linear\nLinear\n)\x81(K\x01tR.")
    with pytest.raises(CheckpointError):
        load_inert(b"\x80\x02X\x09\x00\x00\x00os.system(K\x01tR.")


@pytest.mark.parametrize("pid", [b"Vos.system\nQ.", b"Pos.system\n.", b"(Vmodule\nVos.system\ntQ."])
def test_other_persistent_ids_are_refused(pid):
    with pytest.raises(CheckpointError, match="refers to"):
        load_inert(b"\x80\x02" + pid)


def test_a_memo_number_that_claims_memory_is_refused():
    with pytest.raises(CheckpointError, match="memo entry"):
        load_inert(b"\x80\x02Nr\xff\xff\xff\x7f.")


@pytest.mark.parametrize("opcode", [b"T", b"X", b"B"])
def test_a_string_longer_than_the_file_is_refused(opcode):
    with pytest.raises(CheckpointError, match="truncated"):
        load_inert(b"\x80\x03" + opcode + struct.pack("<i", 0x7FFFFFF0) + b"abc.")
    with pytest.raises(CheckpointError, match="truncated"):
        load_inert(b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60) + b"abc.")


def test_deep_nesting_is_refused_cleanly(tmp_path):
    path = tmp_path / "deep.pkl"
    path.write_bytes(b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".")
    with pytest.raises(CheckpointError, match="nested more than"):
        read_torch_file(path).value()


def test_a_list_that_holds_itself_is_refused(tmp_path):
    path = tmp_path / "loop.pkl"
    path.write_bytes(b"\x80\x02]q\x00h\x00a.")
    with pytest.raises(CheckpointError, match="holds itself"):
        read_torch_file(path).value()


def test_lists_of_shared_lists_do_not_explode(tmp_path):
    value = []
    for _ in range(60):
        value = [value, value]
    path = tmp_path / "laughs.pkl"
    path.write_bytes(pickle.dumps(value, 2))
    before = time.monotonic()
    read_torch_file(path).value()
    assert time.monotonic() - before < 5


# Payloads wrapped in the containers that hide them.


def zip_archive(pickled):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/version", "3\n")
    return stream.getvalue()


def legacy_stream(pickled):
    head = [0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True}]
    return b"".join(pickle.dumps(part, 2) for part in head) + pickled + pickle.dumps([], 2)


def nested(pickled):
    inside = legacy_stream(pickled)
    length = struct.pack("<I", len(inside))
    return b"\x80\x03}K\x01ctorch.storage\n_load_from_bytes\nB" + length + inside + b"\x85Rs."


CONTAINERS = {
    "pickle": lambda data: data,
    "zip": zip_archive,
    "legacy": legacy_stream,
    "nested": nested,
    "nested twice": lambda data: nested(nested(data)),
    "nested in zip": lambda data: zip_archive(nested(data)),
    "nested in legacy": lambda data: legacy_stream(nested(data)),
}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("protocol", [2, 4])
def test_a_hidden_payload_is_refused_by_name(tmp_path, sentinel, container, protocol):
    payload = pickle.dumps({"w": Call(os.system, f"touch {sentinel}")}, protocol)
    path = tmp_path / "model.bin"
    path.write_bytes(CONTAINERS[container](payload))
    with pytest.raises(CheckpointError, match=r"posix\.system") as refused:
        read_torch_file(path).value()
    assert str(path) in str(refused.value)


def test_a_payload_in_each_pickle_of_a_legacy_stream_is_refused(tmp_path, sentinel):
    whole = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, {}, []]
    path = tmp_path / "model.bin"
    for place in range(len(whole)):
        parts = [pickle.dumps(part, 2) for part in whole]
        parts[place] = pickle.dumps([whole[place], Call(os.system, f"touch {sentinel}")], 2)
        path.write_bytes(b"".join(parts))
        with pytest.raises(CheckpointError, match=r"posix\.system"):
            read_torch_file(path).value()


def test_a_payload_in_an_npy_file_is_refused(tmp_path, sentinel):
    path = tmp_path / "landmarks.npy"
    np.save(path, np.array({"a": Call(os.system, f"touch {sentinel}")}, object), allow_pickle=True)
    with pytest.raises(CheckpointError, match=r"posix\.system"):
        read_npy_file(path).value()


def test_files_hidden_in_each_other_have_a_limit(tmp_path):
    data = pickle.dumps(1, 2)
    for _ in range(6):
        data = nested(data)
    path = tmp_path / "model.bin"
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="hidden in each other"):
        read_torch_file(path).value()


def test_a_class_of_a_network_does_not_run_its_own_setstate(tmp_path, sentinel):
    def poison(self, state):
        sentinel.touch()

    cls = type("METRO", (), {"__module__": "metro.modeling.bert.modeling_metro"})
    cls.__setstate__ = poison
    cls.__reduce__ = lambda self: (cls, (), {"a": 1})
    with temporary_modules(metro__modeling__bert__modeling_metro={"METRO": cls}):
        data = pickle.dumps(cls(), 2)
        root = load_inert(data).root
    assert root.state == {"a": 1}
