"""The command without a window: what it exports, and what it says where it cannot open one."""

import os
import subprocess
import sys

import pytest

COMMAND = [sys.executable, "-m", "dice_ros.cli.main", "view"]


def view(*arguments, before=(), **options):
    return subprocess.run(
        [*before, *COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
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


def test_what_lies_there_is_replaced_on_request_only(short_results, tmp_path):
    out = tmp_path / "frame.ply"
    out.write_text("mine")
    done = view(short_results, "--export", out)
    assert (done.returncode, out.read_text()) == (1, "mine")
    assert "--overwrite" in done.stderr
    assert view(short_results, "--export", out, "--overwrite").returncode == 0
    assert out.stat().st_size > 100_000


def test_without_a_screen_the_way_out_is_named(short_results):
    pytest.importorskip("open3d", reason="Open3D is not installed: pip install open3d")
    names = ("DISPLAY", "WAYLAND_DISPLAY")
    done = view(
        short_results, env={key: value for key, value in os.environ.items() if key not in names}
    )
    assert done.returncode == 1
    assert "xvfb-run" in done.stderr
    assert "--export" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_library_that_open3d_lacks_is_named_with_its_package(short_results, tmp_path):
    problem = "libusb-1.0.so.0: cannot open shared object file"
    (tmp_path / "open3d.py").write_text(f"raise ImportError({problem!r})\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = view(short_results, env=os.environ | {"PYTHONPATH": path})
    assert done.returncode == 1
    assert problem in done.stderr
    assert "apt install libusb-1.0-0" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the loader is Linux's")
def test_without_a_driver_the_packages_are_named(short_results):
    pytest.importorskip("open3d", reason="Open3D is not installed: pip install open3d")
    nowhere = dict.fromkeys(("VK_DRIVER_FILES", "VK_ICD_FILENAMES"), "/nonexistent.json")
    done = view(short_results, env=os.environ | nowhere | {"DISPLAY": ":12345"})
    assert done.returncode == 1, done.stderr  # Open3D itself would abort
    assert "mesa-vulkan-drivers" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_frame_that_is_not_there_is_refused(short_results, tmp_path):
    done = view(short_results, "--frame", 99, "--export", tmp_path / "x.ply")
    assert done.returncode == 1
    assert "no frame 99" in done.stderr
    assert not list(tmp_path.iterdir())
