import csv

import cv2
import numpy as np
import pytest
from cli.test_commands import dice
from events.touch_scripts import HOVERING, START_NS, person, touching

from dice_ros.events.touch_detector import TouchDetector
from dice_ros.events.touch_event import TouchEnd, TouchPhase
from dice_ros.replay.results_reader import read_touch_events
from dice_ros.replay.results_writer import ResultsWriter
from dice_ros.settings import Settings
from dice_ros.types import Frame, FrameResult, HandSide

PICTURE = np.zeros((4, 4, 3), dtype=np.uint8)


def write(path, *, cameras=("",), with_events=True):
    """A results file with one touch of 2 s at a probability of 0.7."""
    detector = TouchDetector(Settings())
    with ResultsWriter(path) as writer:
        for number in range(100):
            stamp_ns = START_NS + number * 40_000_000
            seen = touching("mouth", probability=0.7) if 25 <= number <= 75 else HOVERING
            people = (person(stamp_ns, {HandSide.RIGHT: seen}),)
            for camera in cameras:
                writer.write_result(
                    FrameResult(Frame(PICTURE, stamp_ns), people, ()), f"{camera}/dice/interaction"
                )
            events = detector.update(stamp_ns, people)
            if with_events:
                writer.write_touches(events, f"{cameras[0]}/dice/touch_events")
    return path


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return write(tmp_path_factory.mktemp("events") / "results.mcap")


def test_without_options_it_says_what_happened(results):
    done = dice("events", results)
    assert done.returncode == 0, done.stderr
    assert "1 touch of 1 person" in done.stdout
    assert "on mouth" in done.stdout
    assert "released" in done.stdout
    assert "2023-11-14T22:13:20.000Z" in done.stdout


@pytest.mark.parametrize("kind", ["csv", "elan", "boris"])
def test_every_format_is_written(results, tmp_path, kind):
    out = tmp_path / f"touches.{kind}"
    done = dice("events", results, "--format", kind, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "wrote 1 touches" in done.stderr
    assert "mouth" in out.read_text()
    again = dice("events", results, "--format", kind, "--out", out)
    assert again.returncode == 1
    assert "--overwrite" in again.stderr
    assert dice("events", results, "--format", kind, "--out", out, "--overwrite").returncode == 0


def test_files_without_touch_events_are_counted_now(results, tmp_path):
    old = write(tmp_path / "old.mcap", with_events=False)
    outs = [tmp_path / "old.csv", tmp_path / "new.csv"]
    for path, out in zip((old, results), outs, strict=True):
        assert dice("events", path, "--format", "csv", "--out", out).returncode == 0
    rows = [list(csv.DictReader(out.open())) for out in outs]
    assert rows[0][0]["start_s"] == rows[1][0]["start_s"] == "1.0"
    assert rows[0][0]["duration_s"] == rows[1][0]["duration_s"] == "2.0"


def test_other_thresholds_give_other_touches(results):
    done = dice("events", results, "--touch-on-probability", "0.8")
    assert done.returncode == 0
    assert "no touch" in done.stdout
    assert "1 touch of" in dice("events", results, "--recount").stdout


def test_of_several_cameras_one_is_chosen(tmp_path):
    path = write(tmp_path / "two.mcap", cameras=("/left", "/right"))
    done = dice("events", path)
    assert done.returncode == 1
    assert "--camera" in done.stderr
    assert "/left, /right" in done.stderr
    assert "1 touch of" in dice("events", path, "--camera", "/right").stdout


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--format", "csv"), "both --format and --out"),
        (("--touch-off-probability", "0.9"), "at most touch_on_probability"),
    ],
)
def test_what_makes_no_sense_is_said(results, arguments, text):
    done = dice("events", results, *arguments)
    assert done.returncode == 1
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_file_is_said(tmp_path):
    done = dice("events", tmp_path / "nothing.mcap")
    assert done.returncode == 1
    assert "cannot be read" in done.stderr


def test_run_tells_of_touches_in_sequences_and_not_in_stills(touching_render, tmp_path):
    frame, _ = touching_render
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        picture = cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR)
        assert cv2.imwrite(str(folder / f"{number}.png"), picture)
    options = ("--overlay-every", "0", "--out")
    done = dice("run", folder, "--sequence", *options, tmp_path / "sequence")
    assert done.returncode == 0, done.stderr
    onset, offset = read_touch_events(tmp_path / "sequence" / "results.mcap")
    assert (onset.phase, offset.phase) == (TouchPhase.ONSET, TouchPhase.OFFSET)
    assert offset.end is TouchEnd.END_OF_INPUT
    assert offset.duration_s == pytest.approx(0.2)
    assert dice("run", folder, *options, tmp_path / "stills").returncode == 0
    assert list(read_touch_events(tmp_path / "stills" / "results.mcap")) == []
