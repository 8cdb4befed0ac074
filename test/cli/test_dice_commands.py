"""The commands around DICE, on stand-ins, as a user would type them."""

import json
import pickle
import shutil

import pytest
from cli.test_commands import dice

pytest.importorskip("torch", reason="DICE needs PyTorch: pip install 'dice_ros[dice]'")


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
    refused = dice("stand-ins", licensed)
    assert refused.returncode == 1
    assert "holds other files" in refused.stderr
    assert (licensed / "generic_model.pkl").read_text() == "the real one"


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
    assert done.stdout.count("intact") == 1 + 2 + 9
    assert "SYNTHETIC" in done.stdout
    shutil.copytree(licensed_stand_ins, tmp_path / "files")
    flame = tmp_path / "files" / "generic_model.pkl"
    flame.write_bytes(flame.read_bytes()[:100_000])
    again = dice("doctor", "--licensed", tmp_path / "files", "--model-dir", model_dir)
    assert again.returncode == 0
    line = next(item for item in again.stdout.splitlines() if "  generic_model.pkl:" in item)
    assert "intact" not in line


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
    assert 'pip install "dice_ros[dice]"' in done.stderr
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
