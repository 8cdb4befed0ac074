"""The commands around InterWild, on stand-ins, as a user would type them."""

import json
import pickle
import shutil

import pytest
from cli.test_commands import dice

pytest.importorskip("torch", reason="InterWild needs PyTorch: pip install torch smplx safetensors")
pytest.importorskip("smplx", reason="the hands need smplx: pip install torch smplx safetensors")


def test_licensed_files_are_converted_and_run(licensed_stand_ins, tmp_path, asset_dir):
    models = tmp_path / "models"
    weights = dice(
        *("convert", "interwild", licensed_stand_ins / "snapshot_6.pth"),
        *("--out", models / "interwild.safetensors"),
    )
    assert weights.returncode == 0, weights.stderr
    assert "tensors" in weights.stdout
    assert "stand-ins" in weights.stdout
    hands = dice("convert", "hands", licensed_stand_ins, "--out", models)
    assert hands.returncode == 0, hands.stderr
    assert "mano_hands.npz: MANO, right and left" in hands.stdout
    done = dice(
        *("run", asset_dir / "astronaut.png", "--json", "--estimator", "interwild"),
        *("--interwild-boxes", "network", "--interwild-confidence-min", "0"),
        *("--model-dir", models, "--out", tmp_path / "out"),
    )
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    value = json.loads(line)
    assert value["sources"][0]["estimator"] == "synthetic"
    assert value["faces"] == []
    assert len(value["hands"]) == 2
    assert (tmp_path / "out" / "overlays" / "astronaut.png").is_file()


def test_both_networks_run_side_by_side(model_dir, asset_dir):
    done = dice(
        *("run", asset_dir / "astronaut.png", "--json", "--estimator", "dice+interwild"),
        *("--model-dir", model_dir),
    )
    assert done.returncode == 0, done.stderr
    value = json.loads(done.stdout)
    assert value["sources"][0]["estimator"] == "synthetic"
    assert len(value["faces"]) == 1


def test_missing_hands_are_named_with_their_source(licensed_stand_ins, tmp_path):
    folder = tmp_path / "some"
    folder.mkdir()
    shutil.copy(licensed_stand_ins / "MANO_RIGHT.pkl", folder)
    done = dice("convert", "hands", folder, "--out", tmp_path / "hands.npz")
    assert done.returncode == 1
    assert "1 files are missing" in done.stderr
    assert "MANO_LEFT.pkl" in done.stderr
    assert "mano.is.tue.mpg.de" in done.stderr
    assert not (tmp_path / "hands.npz").exists()


class Payload:
    def __reduce__(self):
        return (open, ("stolen.txt", "w"))


def test_hostile_snapshots_are_refused_by_name(tmp_path):
    source = tmp_path / "snapshot.pth"
    source.write_bytes(pickle.dumps({"network": {"w": Payload()}}, protocol=2))
    done = dice("convert", "interwild", source, "--out", tmp_path / "o.safetensors", cwd=tmp_path)
    assert done.returncode == 1
    assert "open" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "stolen.txt").exists()
    assert not (tmp_path / "o.safetensors").exists()


def test_foreign_networks_are_named(licensed_stand_ins, tmp_path):
    done = dice(
        *("convert", "interwild", licensed_stand_ins / "model.bin"),
        *("--out", tmp_path / "o.safetensors"),
    )
    assert done.returncode == 1
    assert "not the weights of InterWild" in done.stderr


@pytest.mark.parametrize("kind", ["interwild", "hands"])
def test_converting_never_overwrites_a_licensed_file(licensed_stand_ins, tmp_path, kind):
    folder = tmp_path / "brought"
    shutil.copytree(licensed_stand_ins, folder)
    before = (folder / "MANO_LEFT.pkl").read_bytes()
    source = folder / "snapshot_6.pth" if kind == "interwild" else folder
    done = dice("convert", kind, source, "--out", folder / "MANO_LEFT.pkl")
    assert done.returncode == 1
    assert "not overwritten" in done.stderr
    assert (folder / "MANO_LEFT.pkl").read_bytes() == before


def test_the_doctor_knows_what_interwild_needs(model_dir, tmp_path):
    missing = dice("doctor", "--estimator", "interwild", "--model-dir", tmp_path)
    assert missing.returncode == 1
    made_by = "interwild.safetensors: missing, made by `dice-ros convert interwild snapshot_6.pth`"
    assert made_by in missing.stdout
    assert "mano_hands.npz: missing, made by `dice-ros convert hands FOLDER`" in missing.stdout
    assert "facebookresearch/InterWild" in missing.stdout
    for name in ("interwild.safetensors", "mano_hands.npz"):
        shutil.copy(model_dir / name, tmp_path)
    there = dice("doctor", "--estimator", "interwild", "--model-dir", tmp_path)
    assert there.returncode == 0, there.stdout
    assert "intact, the tensors of InterWild (SYNTHETIC stand-ins)" in there.stdout
    assert "intact, MANO, right and left (SYNTHETIC stand-ins)" in there.stdout
    both = dice("doctor", "--estimator", "dice+interwild", "--model-dir", tmp_path)
    assert both.returncode == 1  # DICE's are missing


def test_the_doctor_checks_the_left_hand(licensed_stand_ins, tmp_path):
    shutil.copy(licensed_stand_ins / "MANO_RIGHT.pkl", tmp_path)
    whole = (licensed_stand_ins / "MANO_LEFT.pkl").read_bytes()
    (tmp_path / "MANO_LEFT.pkl").write_bytes(whole[:50_000])
    done = dice("doctor", "--licensed", tmp_path)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert "intact" in next(line for line in lines if line.startswith("  MANO_RIGHT.pkl:"))
    assert "intact" not in next(line for line in lines if line.startswith("  MANO_LEFT.pkl:"))
