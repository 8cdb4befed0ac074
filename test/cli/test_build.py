"""`dice-ros build` as a user would type it."""

import io
import json
import re

import pytest
from cli.test_commands import dice
from test_support import wait_until

from dice_ros.cli.phase_clock import PhaseClock

pytest.importorskip("torch", reason="DICE needs PyTorch: pip install torch smplx safetensors")
pytest.importorskip("smplx", reason="the bodies need smplx: pip install torch smplx safetensors")


def test_an_engine_for_a_named_gpu_is_built_without_one(tmp_path):
    pytest.importorskip("tensorrt_rtx", reason="TensorRT for RTX is not installed")
    pytest.importorskip("onnxscript", reason="ONNX is not installed")
    done = dice("build", "--gpu", "rtx4090", "--synthetic", "--small", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "one engine" in done.stdout
    assert "compute capability 8.9" in done.stdout
    facts = json.loads((tmp_path / "rtx-8.9-float16" / "facts.json").read_text())
    assert facts["capability"] == "8.9"
    assert re.search(r"done in \d", done.stderr)


def test_a_gpu_that_nobody_builds_for_is_named(model_dir, tmp_path):
    done = dice("build", "--gpu", "h100", "--model-dir", model_dir, "--out", tmp_path)
    assert done.returncode == 1
    assert "rtx4090" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_engine_for_this_machine_is_built_and_proved_in_the_open(
    model_dir, tmp_path, monkeypatch
):
    pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install openvino")
    monkeypatch.setenv("DICE_ROS_ENGINES", str(tmp_path))
    options = ("--engine", "openvino", "--precision", "float32", "--device", "cpu")
    done = dice("build", "--model-dir", model_dir, *options)
    assert done.returncode == 0, done.stderr
    phases = re.findall(r"^\[ *\d+\.\d s\] (.*)", done.stderr, re.MULTILINE)
    for phase in ("load the plain network", "build", "warm up", "compare with the plain network"):
        assert any(phase in line for line in phases), phase
    assert "vertices p99" in done.stdout
    assert "in use: openvino float32" in done.stdout
    (folder,) = tmp_path.iterdir()
    assert (folder / "certificate-float32.json").is_file()


def test_coverage_needs_torch_tensorrt_and_says_so(model_dir):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    done = dice("build", "--coverage", "--model-dir", model_dir)
    assert done.returncode == 1
    assert "torch-tensorrt" in done.stderr or "GPU" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_long_phase_gives_signs_of_life():
    out = io.StringIO()
    with PhaseClock(out, every_s=0.01) as clock:
        clock.enter("build")
        assert wait_until(lambda: "build: 0 s so far" in out.getvalue())
        clock.enter("compare")
        assert wait_until(lambda: "compare: 0 s so far" in out.getvalue())
    ended = out.getvalue()
    assert re.match(r"\[ *0\.0 s\] build\n", ended)
