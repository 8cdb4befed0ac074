"""bench/gpu.sh, with stand-ins for the GPU and for what it starts: its own logic alone."""

import os
import subprocess
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "bench" / "gpu.sh"


def program(path, text):
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)


def run(tmp_path, **environment):
    return subprocess.run(
        ["bash", str(SCRIPT)],
        env={"PATH": f"{tmp_path}:{os.defpath}", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_a_gpu_it_says_so(tmp_path):
    program(tmp_path / "nvidia-smi", "exit 9")
    done = run(tmp_path)
    assert done.returncode == 1
    assert "no NVIDIA GPU" in done.stderr


def test_what_fails_stops_nothing_and_is_named_last(tmp_path):
    program(tmp_path / "nvidia-smi", "echo a card")
    log = tmp_path / "log"
    # Torch-TensorRT is missing, and a test fails.
    program(
        tmp_path / "python",
        f'echo "$@" >> {log}\n'
        'case "$*" in *"import torch_tensorrt"*) echo "no such module" >&2; exit 1;; '
        '*"-m pytest"*) exit 1;; esac\n',
    )
    done = run(tmp_path, PYTHON=str(tmp_path / "python"), OUT=str(tmp_path / "out"))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "failed: tests"
    assert "no Torch-TensorRT: no such module" in done.stdout
    started = log.read_text()
    assert "--coverage" not in started
    for part in ("assets", "build --synthetic", "bench/engine_memory.py --device cuda"):
        assert part in started, part
    assert started.splitlines()[-1].startswith("bench/engine.py --device cuda")
    assert f"--out {tmp_path / 'out'}" in started.splitlines()[-1]


def test_when_all_is_well_so_is_the_exit_code(tmp_path):
    program(tmp_path / "nvidia-smi", "echo a card")
    program(tmp_path / "python", "exit 0")
    done = run(tmp_path, PYTHON=str(tmp_path / "python"))
    assert done.returncode == 0, done.stderr
    assert "== coverage of Torch-TensorRT" in done.stdout
