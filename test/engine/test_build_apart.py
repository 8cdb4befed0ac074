"""Engines are built in another process: what goes wrong there is told here."""

import dataclasses
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from test_support import wait_until

from dice_ros.engine import build_apart
from dice_ros.engine.choose import build_order
from dice_ros.engine.protocol import EngineError, EngineKind, Precision


@pytest.fixture
def order(model):
    return build_order(EngineKind.OPENVINO, Precision.FLOAT32, model, torch.device("cpu"))


def test_a_built_engine_lies_in_the_folder(order, tmp_path):
    pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install openvino")
    build_apart.build_apart(order, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} >= {"core.xml", "core.bin", "tail.xml"}


def test_why_it_cannot_be_built_is_told(order, tmp_path):
    with pytest.raises(EngineError, match="engines of the kind eager are not kept"):
        build_apart.build_apart(dataclasses.replace(order, kind="eager"), tmp_path)
    missing = dataclasses.replace(order, weights_path=str(tmp_path / "missing.safetensors"))
    with pytest.raises(EngineError, match=r"missing\.safetensors"):
        build_apart.build_apart(missing, tmp_path)


def test_a_process_that_dies_is_an_error_with_its_last_words(order, tmp_path, monkeypatch):
    monkeypatch.setattr(build_apart, "WORKER", "no_such_module")
    with pytest.raises(EngineError, match=r"ended with code 1: .*no_such_module"):
        build_apart.build_apart(order, tmp_path)


def test_a_build_that_nobody_waits_for_is_stopped(order, tmp_path):
    stop = threading.Event()
    stop.set()
    with pytest.raises(EngineError, match="stopped"):
        build_apart.build_apart(order, tmp_path, stop)
    assert list(tmp_path.iterdir()) == []


def test_a_stopped_build_leaves_no_process_that_it_started(order, tmp_path, monkeypatch):
    """A compiler, say, that holds the worker's pipes: nobody must wait for it."""
    started = tmp_path / "compiler_started"
    (tmp_path / "compiling_worker.py").write_text(
        "import pathlib, subprocess\n"
        "compiler = subprocess.Popen(['sleep', '600'])\n"
        f"pathlib.Path({str(started)!r}).write_text(str(compiler.pid))\n"
        "compiler.wait()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(build_apart, "WORKER", "compiling_worker")
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        building = pool.submit(build_apart.build_apart, order, tmp_path, stop)
        assert wait_until(lambda: started.is_file() and started.read_text(), 60)
        stop.set()
        with pytest.raises(EngineError, match="stopped"):
            building.result(60)
    compiler = int(started.read_text())
    assert wait_until(lambda: not is_running(compiler), 60)


def is_running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_the_process_ends_with_the_one_that_started_it(order, tmp_path):
    command = [sys.executable, "-m", build_apart.WORKER, order.to_json(), str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as worker:
        worker.stdin.close()
        assert worker.wait(120) == 1
        assert worker.stderr.read() == b""
    assert list(tmp_path.iterdir()) == []


def test_what_a_library_says_last_hides_no_reason(order, tmp_path, monkeypatch):
    (tmp_path / "talkative_worker.py").write_text(
        'print(\'{"message": "no memory", "kept": true}\'); print(\'bye\'); raise SystemExit(1)'
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(build_apart, "WORKER", "talkative_worker")
    with pytest.raises(EngineError, match=r"^no memory$"):
        build_apart.build_apart(order, tmp_path)
