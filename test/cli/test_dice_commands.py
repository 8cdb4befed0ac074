"""The commands around DICE, on stand-ins, as a user would type them."""

import hashlib
import json
import os
import pickle
import resource
import shutil
import signal
import subprocess

import pytest
from cli.test_commands import COMMAND, dice

pytest.importorskip("torch", reason="DICE needs PyTorch: pip install torch smplx safetensors")


def test_licensed_files_are_converted_and_run(licensed_stand_ins, tmp_path, asset_dir):
    models = tmp_path / "models"
    weights = dice(
        *("convert", "dice", licensed_stand_ins / "model.bin"),
        *("--out", models / "dice.safetensors"),
    )
    assert weights.returncode == 0, weights.stderr
    assert "million numbers" in weights.stdout
    assert "stand-ins" in weights.stdout
    bodies = dice("convert", "bodies", licensed_stand_ins, "--out", models)
    assert bodies.returncode == 0, bodies.stderr
    assert "FLAME (5023 vertices) and MANO (778 vertices)" in bodies.stdout
    done = dice(
        *("run", asset_dir / "astronaut.png", "--json"),
        *("--estimator", "dice", "--model-dir", models, "--out", tmp_path / "out"),
    )
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    value = json.loads(line)
    assert value["sources"][0]["estimator"] == "synthetic"
    assert len(value["faces"]) == 1
    assert "stand-ins" in done.stderr
    assert (tmp_path / "out" / "overlays" / "astronaut.png").is_file()


def test_models_are_found_through_the_environment(model_dir, asset_dir, monkeypatch):
    monkeypatch.setenv("DICE_ROS_MODELS", str(model_dir))
    done = dice("run", asset_dir / "astronaut.png", "--json", "--estimator", "dice")
    assert done.returncode == 0, done.stderr
    assert '"synthetic"' in done.stdout


def test_conversion_lists_every_missing_file_with_its_source(licensed_stand_ins, tmp_path):
    folder = tmp_path / "some"
    shutil.copytree(licensed_stand_ins, folder)
    (folder / "MANO_RIGHT.pkl").unlink()
    (folder / "neck_idx.npy").unlink()
    done = dice("convert", "bodies", folder, "--out", tmp_path / "bodies.npz")
    assert done.returncode == 1
    assert "2 files are missing" in done.stderr
    assert "mano.is.tue.mpg.de" in done.stderr
    assert "neck_idx.npy" in done.stderr
    assert not (tmp_path / "bodies.npz").exists()


class Payload:
    def __reduce__(self):
        return (open, ("stolen.txt", "w"))


@pytest.mark.parametrize("kind", ["dice", "bodies"])
def test_hostile_files_are_refused_by_name(licensed_stand_ins, tmp_path, kind):
    hostile = pickle.dumps({"weights": Payload()}, protocol=2)
    if kind == "dice":
        source = tmp_path / "model.bin"
        source.write_bytes(hostile)
    else:
        source = tmp_path / "files"
        shutil.copytree(licensed_stand_ins, source)
        (source / "generic_model.pkl").write_bytes(hostile)
    done = dice("convert", kind, source, "--out", tmp_path / "out.bin", cwd=tmp_path)
    assert done.returncode == 1
    assert "open" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "stolen.txt").exists()
    assert not (tmp_path / "out.bin").exists()


def test_foreign_networks_are_named(tmp_path):
    import torch

    torch.save(torch.nn.Linear(3, 4).state_dict(), tmp_path / "model.bin")
    done = dice("convert", "dice", tmp_path / "model.bin", "--out", tmp_path / "o.safetensors")
    assert done.returncode == 1
    assert "not the weights of DICE" in done.stderr


def test_stand_ins_are_made_and_never_overwrite_other_files(tmp_path, asset_dir):
    made = dice("stand-ins", tmp_path / "files")
    assert made.returncode == 0, made.stderr
    assert "convert dice" in made.stdout
    names = {path.name for path in (tmp_path / "files").iterdir()}
    assert {"model.bin", "generic_model.pkl", "MANO_RIGHT.pkl", "SYNTHETIC.txt"} <= names
    licensed = tmp_path / "licensed"
    licensed.mkdir()
    (licensed / "generic_model.pkl").write_text("the real one")
    for _ in range(2):
        refused = dice("stand-ins", licensed)
        assert refused.returncode == 1
        assert "holds other files" in refused.stderr
        assert (licensed / "generic_model.pkl").read_text() == "the real one"
        # The note of stand-ins beside the real thing does not make it a stand-in.
        (licensed / "SYNTHETIC.txt").write_text("left behind")


def test_a_full_disk_leaves_no_half_written_stand_ins(tmp_path, asset_dir):
    limit = 30 << 20  # the bodies are smaller, the weights larger
    for folder in (tmp_path / "new", tmp_path):
        done = dice(
            *("stand-ins", folder),
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        )
        assert done.returncode == 1
        assert "cannot write the stand-ins" in done.stderr
        assert "Traceback" not in done.stderr
        assert not list(tmp_path.iterdir())


@pytest.fixture
def brought(licensed_stand_ins, tmp_path):
    """A folder of files as a user brings them, and their digests."""
    folder = tmp_path / "brought"
    shutil.copytree(licensed_stand_ins, folder)
    return folder, digests(folder)


def digests(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).digest() for path in folder.iterdir()}


@pytest.mark.parametrize("target", ["model.bin", "MANO_RIGHT.pkl", "linked.bin"])
def test_converting_weights_never_overwrites_a_licensed_file(brought, target):
    folder, before = brought
    if target == "linked.bin":
        (folder / target).hardlink_to(folder / "model.bin")
        before = digests(folder)
    done = dice("convert", "dice", folder / "model.bin", "--out", folder / target)
    assert done.returncode == 1
    assert "not overwritten" in done.stderr
    assert digests(folder) == before


@pytest.mark.parametrize("target", ["generic_model.pkl", "model.bin", "landmark_embedding.npy"])
def test_converting_bodies_never_overwrites_a_licensed_file(brought, target):
    folder, before = brought
    done = dice("convert", "bodies", folder, "--out", folder / target)
    assert done.returncode == 1
    assert "not overwritten" in done.stderr
    assert digests(folder) == before


def test_what_was_converted_before_is_replaced(licensed_stand_ins, model_dir, tmp_path):
    shutil.copytree(model_dir, tmp_path, dirs_exist_ok=True)
    weights = licensed_stand_ins / "model.bin"
    assert dice("convert", "dice", weights, "--out", tmp_path).returncode == 0
    assert dice("convert", "bodies", licensed_stand_ins, "--out", tmp_path).returncode == 0
    assert digests(tmp_path) == digests(model_dir)


def test_an_interrupted_conversion_says_that_nothing_is_left(tmp_path):
    source = tmp_path / "model.bin"
    os.mkfifo(source)  # opening it waits for a writer that never comes
    process = subprocess.Popen(
        [*COMMAND, "convert", "dice", source, "--out", tmp_path / "dice.safetensors"],
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs the tests in the background hands down an ignored SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    assert "reading" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "nothing half-written is left behind" in errors
    assert "is kept" not in errors
    assert [path.name for path in tmp_path.iterdir()] == ["model.bin"]


def test_the_doctor_says_what_is_missing_and_where_it_is_to_be_had(tmp_path):
    done = dice("doctor", "--estimator", "dice", "--model-dir", tmp_path)
    assert done.returncode == 1
    assert "dice.safetensors: missing, made by `dice-ros convert dice model.bin`" in done.stdout
    for source in ("flame.is.tue.mpg.de", "mano.is.tue.mpg.de", "Qingxuan-Wu/DICE"):
        assert source in done.stdout


def test_the_doctor_checks_every_byte(licensed_stand_ins, model_dir, tmp_path):
    done = dice(
        *("doctor", "--estimator", "dice"),
        *("--model-dir", model_dir, "--licensed", licensed_stand_ins),
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("intact") == 1 + 4 + 11
    assert "SYNTHETIC" in done.stdout
    shutil.copytree(licensed_stand_ins, tmp_path / "files")
    flame = tmp_path / "files" / "generic_model.pkl"
    flame.write_bytes(flame.read_bytes()[:100_000])
    again = dice("doctor", "--licensed", tmp_path / "files", "--model-dir", model_dir)
    assert again.returncode == 1
    line = next(item for item in again.stdout.splitlines() if "  generic_model.pkl:" in item)
    assert "intact" not in line


def test_the_doctor_calls_no_foreign_network_intact(model_dir, tmp_path):
    import torch

    from dice_ros.checkpoints.weights_file import WeightsOrigin, read_weights, write_weights

    torch.save({"weight": torch.zeros(3)}, tmp_path / "model.bin")
    shutil.copy(model_dir / "dice_bodies.npz", tmp_path)
    weights = read_weights(model_dir / "dice.safetensors")
    weights.tensors.pop("cam_param_fc2.bias")
    write_weights(
        tmp_path / "dice.safetensors",
        weights.tensors,
        WeightsOrigin("", False, weights.origin.config),
    )
    done = dice(*("doctor", "--estimator", "dice", "--model-dir", tmp_path, "--licensed", tmp_path))
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    checkpoint = next(line for line in lines if line.startswith("  model.bin: "))
    converted = next(line for line in lines if line.startswith("    dice.safetensors: "))
    assert "not the weights of DICE" in checkpoint
    assert "1 missing: cam_param_fc2.bias" in converted
    assert "intact" not in checkpoint + converted
    assert dice("doctor", "--licensed", tmp_path).returncode == 1


def test_without_pytorch_the_doctor_compares_no_weights(licensed_stand_ins, model_dir, tmp_path):
    (tmp_path / "torch.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')\n"
    )
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join((str(tmp_path), os.environ.get("PYTHONPATH", "")))
    }
    done = dice(
        *("doctor", "--licensed", licensed_stand_ins, "--model-dir", model_dir), env=environment
    )
    assert done.stdout.count("not compared with DICE: that needs PyTorch") == 2
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


def test_missing_packages_name_the_install_command(model_dir, asset_dir, tmp_path):
    (tmp_path / "torch.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')\n"
    )
    import os

    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    arguments = ("run", asset_dir / "astronaut.png", "--estimator", "dice")
    done = dice(*arguments, "--model-dir", model_dir, env=environment)
    assert done.returncode == 1
    assert "needs the package 'torch'" in done.stderr
    assert "pip install torch smplx safetensors" in done.stderr
    assert dice("run", asset_dir / "astronaut.png", "--json", env=environment).returncode == 0


def test_landmark_fit_loads_no_pytorch(asset_dir):
    code = (
        "import sys; from dice_ros.cli.main import main; "
        f"main(['run', {str(asset_dir / 'astronaut.png')!r}, '--json']); "
        "sys.exit(bool({'torch', 'smplx', 'safetensors'} & set(sys.modules)))"
    )
    import subprocess
    import sys

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0
