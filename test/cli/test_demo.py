"""The demonstration as a user runs it: real node, real DDS, real files."""

import re
import subprocess
import sys

import cv2
import pytest

from dice_ros.replay.open_source import open_source
from dice_ros.replay.results_reader import read_interactions, read_topologies
from dice_ros.synthesis.demo_clip import FRAME_COUNT
from dice_ros.types import TouchDecision

pytest.importorskip("rclpy", reason="ROS 2 is not installed")


@pytest.fixture(scope="module")
def demo(tmp_path_factory, asset_dir):
    folder = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-m", "dice_ros.cli.main", "demo", "--out", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder, done.stdout


def test_the_camera_and_the_results_are_written(demo):
    folder, _ = demo
    with open_source(str(folder / "input.mcap")) as source:
        stamps = [frame.stamp_ns for frame in source]
    assert len(stamps) == FRAME_COUNT
    results = list(read_interactions(folder / "results.mcap"))
    assert len(results) >= 0.8 * FRAME_COUNT
    assert {item.stamp_ns for item in results if item} <= set(stamps)
    assert len(read_topologies(folder / "results.mcap")) == 3


def test_faces_are_found_throughout_and_touches_where_they_are(demo):
    folder, _ = demo
    results = [item for item in read_interactions(folder / "results.mcap") if item]
    assert sum(item.face is not None for item in results) >= 0.95 * len(results)
    touches = [
        hand for item in results for hand in item.hands if hand.touch is TouchDecision.CONTACT
    ]
    assert len(touches) > 20


def test_overlays_are_pictures(demo):
    folder, _ = demo
    pictures = list((folder / "overlays").glob("*.png"))
    assert len(pictures) >= 10
    assert all(cv2.imread(str(path)).shape == (480, 640, 3) for path in pictures)


def test_the_table_says_what_was_written(demo):
    folder, text = demo
    for name in ("input.mcap", "results.mcap", "overlays"):
        assert str(folder / name) in text
    assert re.search(r"frames +faces +hands +touches", text)
    assert re.search(r"total +\d+\.\d +\d+\.\d", text)
    assert "inferred" in text
