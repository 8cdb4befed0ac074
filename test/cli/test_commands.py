import json
import os
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

from dice_ros.replay.results_reader import read_interactions

COMMAND = [sys.executable, "-m", "dice_ros.cli.main"]


def dice(*arguments, **options):
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False, **options
    )


@pytest.fixture(scope="module")
def photograph(asset_dir):
    return asset_dir / "astronaut.png"


def test_help_teaches_with_examples():
    done = dice("--help")
    assert done.returncode == 0
    for word in ("demo", "run", "assets", "doctor", "examples:", "exit codes"):
        assert word in done.stdout


def test_help_of_run_lists_every_setting():
    text = dice("run", "--help").stdout
    for option in ("--max-persons", "--indentation-mm", "--json", "--out", "--topic"):
        assert option in text


def test_wrong_usage_is_exit_code_2():
    assert dice("run").returncode == 2
    assert dice("dance").returncode == 2


def test_the_photograph_gives_one_json_line_with_a_face(photograph):
    done = dice("run", photograph, "--json")
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    value = json.loads(line)
    assert len(value["faces"]) == 1
    assert value["hands"] == value["contacts"] == []
    assert value["sources"][0]["intrinsics_assumed"] is True
    assert "frames" in done.stderr


def test_results_overlays_and_summary_are_written(photograph, tmp_path):
    out = tmp_path / "out"
    done = dice("run", photograph, "--out", out, "--focal-length", "600")
    assert done.returncode == 0, done.stderr
    (person,) = read_interactions(out / "results.mcap")
    assert person.face is not None
    assert not person.camera.assumed
    assert person.camera.K[0, 0] == 600.0
    overlay = cv2.imread(str(out / "overlays" / "astronaut.png"))
    original = cv2.imread(str(photograph))
    assert overlay.shape == original.shape
    assert (overlay != original).any(axis=2).mean() > 0.05
    summary = json.loads((out / "summary.json").read_text())
    assert summary["frames"] == summary["faces"] == 1


def test_existing_results_are_not_overwritten_unasked(photograph, tmp_path):
    out = tmp_path / "out"
    assert dice("run", photograph, "--out", out).returncode == 0
    before = (out / "results.mcap").read_bytes()
    refused = dice("run", photograph, "--out", out)
    assert refused.returncode == 1
    assert "--overwrite" in refused.stderr
    assert (out / "results.mcap").read_bytes() == before
    assert dice("run", photograph, "--out", out, "--overwrite").returncode == 0


def test_one_bad_input_does_not_stop_the_others(photograph, tmp_path):
    missing = tmp_path / "missing.png"
    done = dice("run", missing, photograph, "--json")
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 1
    assert "missing.png" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["nowhere.mp4"], "no file or folder"),
        (["--max-persons", "0", "x.png"], "expected 1 to 8"),
        (["--out", "/proc/nothing", "x.png"], "cannot write"),
    ],
)
def test_errors_are_one_clear_line(arguments, text):
    done = dice("run", *arguments)
    assert done.returncode == 1
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_a_picture_that_cannot_be_read_is_counted(tmp_path):
    path = tmp_path / "cut.png"
    data = cv2.imencode(".png", np.zeros((50, 50, 3), np.uint8))[1].tobytes()
    path.write_bytes(data[:-20])
    done = dice("run", path)
    assert done.returncode == 1
    assert "truncated_image" in done.stderr


def test_missing_assets_name_the_command(photograph, tmp_path):
    environment = os.environ | {"DICE_ROS_ASSETS": str(tmp_path / "none")}
    done = dice("run", photograph, env=environment)
    assert done.returncode == 1
    assert "dice-ros assets" in done.stderr
    doctor = dice("doctor", env=environment)
    assert doctor.returncode == 1
    assert "dice-ros assets" in doctor.stdout


def test_the_doctor_finds_a_complete_installation(asset_dir):
    done = dice("doctor")
    assert done.returncode == 0
    assert "intact" in done.stdout


def test_interrupting_keeps_what_was_written(tmp_path, astronaut):
    clip, out = tmp_path / "clip.avi", tmp_path / "out"
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter_fourcc(*"MJPG"), 30.0, (512, 512))
    for _ in range(900):
        writer.write(astronaut[..., ::-1])
    writer.release()
    process = subprocess.Popen(
        [*COMMAND, "run", str(clip), "--json", "--out", str(out), "--overlay-every", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs the tests in the background hands down an ignored SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    for _ in range(5):
        process.stdout.readline()
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted" in errors
    assert "Traceback" not in errors
    assert len(list(read_interactions(out / "results.mcap"))) >= 5
    assert (out / "summary.json").exists()


def test_a_reader_that_goes_away_is_no_error(photograph):
    shell = (
        f"'{sys.executable}' -m dice_ros.cli.main run {photograph} {photograph} --json | head -n 1"
    )
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=True)
    assert "Traceback" not in done.stderr
