"""The command: export without anything, a window where there is Open3D and a screen."""

import os
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest

COMMAND = [sys.executable, "-m", "dice_ros.cli.main", "view"]


def view(*arguments, before=(), **options):
    return subprocess.run(
        [*before, *COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        **options,
    )


def test_any_frame_is_exported_without_open3d(short_results, tmp_path):
    block = tmp_path / "open3d.py"
    block.write_text("raise ModuleNotFoundError('blocked', name='open3d')\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    for number, name in ((0, "first.ply"), (5, "sixth.obj"), (-1, "last.glb")):
        out = tmp_path / name
        done = view(
            *(short_results, "--frame", number, "--export", out),
            env=os.environ | {"PYTHONPATH": path},
        )
        assert done.returncode == 0, done.stderr
        assert out.stat().st_size > 100_000
    without = view(short_results, env=os.environ | {"PYTHONPATH": path})
    assert without.returncode == 1
    assert "pip install open3d" in without.stderr
    assert "Traceback" not in without.stderr


def test_a_frame_that_is_not_there_is_refused(short_results, tmp_path):
    done = view(short_results, "--frame", 99, "--export", tmp_path / "x.ply")
    assert done.returncode == 1
    assert "no frame 99" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the virtual screen is one of Linux"
)
def test_the_window_shows_head_hand_and_contact_on_a_virtual_screen(short_results, tmp_path):
    pytest.importorskip("open3d", reason="Open3D is not installed: pip install open3d")
    if shutil.which("xvfb-run") is None:
        pytest.skip("there is no virtual screen: apt install xvfb xauth mesa-vulkan-drivers")
    picture = tmp_path / "window.png"
    screen = ("xvfb-run", "-a", "-s", "-screen 0 1280x900x24")
    done = view(short_results, "--frame", 7, "--screenshot", picture, before=screen)
    if "driver for Vulkan" in done.stderr:
        pytest.skip("there is no software renderer: apt install mesa-vulkan-drivers")
    assert done.returncode == 0, done.stderr
    image = cv2.imread(str(picture)).astype(int)
    assert image.shape[0] > 500
    blue, green, red = image[..., 0], image[..., 1], image[..., 2]
    head = (blue > red) & (blue > 110)
    hand = (red > blue + 40) & (green > blue + 20) & (red > 110)
    contact = (red > 150) & (green < 0.62 * red) & (blue < 0.62 * red)
    assert head.sum() > 20_000
    assert hand.sum() > 5_000
    assert contact.sum() > 30
    rows, columns = np.nonzero(contact)
    assert abs(columns.mean() - image.shape[1] / 2) < image.shape[1] / 4
    assert abs(rows.mean() - image.shape[0] / 2) < image.shape[0] / 4
