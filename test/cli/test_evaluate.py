"""``dice-ros eval`` on a set that the project films itself, as a user would type it."""

import csv
import json

import numpy as np
import pytest
from cli.test_commands import dice

pytest.importorskip(
    "torch", reason="posing bodies needs PyTorch: pip install torch smplx safetensors"
)

from dice_ros.datasets.decaf_layout import DecafLayout, Split
from dice_ros.evaluation.decaf_evaluation import DecafEvaluation


def evaluate(root, *arguments, **options):
    return dice("eval", "--dataset", "decaf", root, *arguments, **options)


@pytest.fixture(scope="module")
def truth_file(decaf_root, tmp_path_factory):
    """The truth itself as the results of a method."""
    evaluation = DecafEvaluation(DecafLayout(decaf_root, Split.TEST))
    parts = []
    for item in evaluation._videos:
        frames = list(item.frames)
        parts.append((item.video.subject, frames, evaluation._truth(item, frames)))

    def joined(name):
        return np.concatenate([getattr(truth, name) for _, _, truth in parts])

    path = tmp_path_factory.mktemp("results") / "truth.npz"
    np.savez(
        path,
        method=np.array("the truth"),
        subject=np.array([subject for subject, frames, _ in parts for _ in frames]),
        frame=np.array([frame for _, frames, _ in parts for frame in frames]),
        **{name: joined(name) for name in ("head", "deformation", "hand", "joints")},
        **{name: joined(name).astype(np.float32) for name in ("head_contact", "hand_contact")},
        presence=joined("any_contact").astype(np.float32),
    )
    return path


def test_the_whole_table_for_dice_can_be_resumed(decaf_root, model_dir, tmp_path):
    out = tmp_path / "scores"
    arguments = ("--estimator", "dice", "--model-dir", model_dir, "--out", out)
    begun = evaluate(decaf_root, *arguments, "--limit", "1")
    assert begun.returncode == 0, begun.stderr
    assert "DICE" in begun.stdout
    assert "72?" in begun.stdout
    assert "synthetic" in begun.stdout
    first = (out / "frames.csv").read_text()
    assert len(first.splitlines()) == 1 + 3
    done = evaluate(decaf_root, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    assert "3 frames are done already" in done.stderr
    values = json.loads(done.stdout)
    assert values["frames"] == 9
    assert values["method"] == "synthetic"
    assert set(values["subjects"]) == {"S1", "S3", "S6"}
    assert values["figures"]["pve"]["count"] == 9
    assert values["figures"]["pve"]["value"] > 0
    rows = list(csv.DictReader((out / "frames.csv").open()))
    assert (out / "frames.csv").read_text().startswith(first)
    mean = np.mean([float(row["pve_mm"]) for row in rows])
    assert values["figures"]["pve"]["value"] == pytest.approx(mean)
    assert json.loads((out / "summary.json").read_text()) == values
    other = evaluate(decaf_root, "--estimator", "landmark_fit", "--out", out)
    assert other.returncode == 1
    assert "--overwrite" in other.stderr


def test_the_truth_is_right_about_everything_but_the_published_centring(decaf_root, truth_file):
    done = evaluate(decaf_root, "--results", truth_file, "--json")
    assert done.returncode == 0, done.stderr
    values = json.loads(done.stdout)
    figures = {key: item["value"] for key, item in values["figures"].items()}
    assert values["method"] == "the truth"
    # The truth is centred on its deformed head, predictions on the undeformed one.
    assert 0.0 < figures["pve"] < 0.2
    assert figures["pve"] == pytest.approx(figures["mpjpe"], abs=1e-3)
    assert figures["pa_mpjpe"] == pytest.approx(0.0, abs=1e-3)
    assert figures["touchness"] == 100.0
    assert figures["deformation"] == pytest.approx(0.0, abs=1e-6)
    assert figures["both_contact_f1"] == figures["presence_contact_f1"] == 1.0


def test_results_of_others_may_lack_what_they_do_not_know(decaf_root, truth_file, tmp_path):
    with np.load(truth_file) as stored:
        some = {name: stored[name] for name in ("subject", "frame", "head", "hand")}
    some = {name: values[1:] for name, values in some.items()}
    some["head"][0] = np.nan
    np.savez(tmp_path / "pixie.npz", **some)
    done = evaluate(decaf_root, "--results", tmp_path / "pixie.npz", "--json")
    assert done.returncode == 0, done.stderr
    values = json.loads(done.stdout)
    assert values["method"] == "pixie"
    assert values["figures"]["pve"]["count"] == 7
    assert values["figures"]["found"]["value"] == pytest.approx(100 * 7 / 9)
    assert values["figures"]["mpjpe"]["value"] is None
    assert any("'joints'" in note for note in values["notes"])
    assert values["figures"]["touchness"]["value"] < 100.0
    assert values["figures"]["presence_contact_f1"]["value"] is None


def test_several_methods_stand_in_one_table(decaf_root, truth_file, tmp_path):
    with np.load(truth_file) as stored:
        arrays = {name: stored[name] for name in ("subject", "frame", "head", "hand")}
    np.savez(tmp_path / "rigid.npz", **arrays)
    out = tmp_path / "scores"
    done = evaluate(
        decaf_root, "--results", truth_file, tmp_path / "rigid.npz", "--out", out, "--limit", "1"
    )
    assert done.returncode == 0, done.stderr
    rows = [line.split()[0] for line in done.stdout.splitlines() if line.strip()]
    assert rows.index("DICE") < rows.index("the") < rows.index("rigid")
    for name in ("truth", "rigid"):
        assert json.loads((out / name / "summary.json").read_text())["frames"] == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"head": None}, "lacks ['head']"),
        ({"faces": np.zeros(3)}, "unknown ['faces']"),
        ({"hand": np.zeros((9, 21, 3))}, "(9, 778, 3)"),
        ({"frame": np.zeros(9, dtype=int)}, "twice"),
    ],
)
def test_wrong_results_files_are_explained(decaf_root, truth_file, tmp_path, change, message):
    with np.load(truth_file) as stored:
        arrays = {name: stored[name] for name in ("subject", "frame", "head", "hand")} | change
    path = tmp_path / "wrong.npz"
    np.savez(path, **{name: values for name, values in arrays.items() if values is not None})
    done = evaluate(decaf_root, "--results", path)
    assert done.returncode == 1
    assert str(path) in done.stderr
    assert message in done.stderr


def test_landmark_fit_is_judged_where_its_meshes_allow(decaf_root):
    done = evaluate(decaf_root, "--estimator", "landmark_fit", "--limit", "1", "--json")
    assert done.returncode == 0, done.stderr
    values = json.loads(done.stdout)
    assert values["figures"]["pve"]["value"] is None
    assert values["figures"]["found"]["count"] == 3
    assert values["figures"]["seconds"]["value"] > 0
    assert any("not FLAME and MANO" in note for note in values["notes"])


def test_wrong_usage_is_explained(decaf_root, tmp_path):
    assert evaluate(decaf_root).returncode == 2
    assert evaluate(decaf_root, "--estimator", "dice", "--results", "a.npz").returncode == 2
    assert evaluate(decaf_root, "--estimator", "dice", "--limit", "0").returncode == 2
    for arguments, message in (
        (("--dataset", "coco", decaf_root, "--estimator", "dice"), "expected decaf"),
        (("--dataset", "decaf", tmp_path / "no", "--estimator", "dice"), "is no folder"),
        (("--dataset", "decaf", decaf_root, "--estimator", "x"), "dice, landmark_fit"),
        (("--dataset", "decaf", tmp_path, "--estimator", "dice"), "generic_model.pkl"),
    ):
        done = dice("eval", *arguments)
        assert done.returncode == 1
        assert message in done.stderr
        assert "Traceback" not in done.stderr
