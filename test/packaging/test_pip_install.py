"""The package as pip installs it."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytest.importorskip("rosidl_adapter", reason="the ROS 2 message generators are not installed")


def copy_of_the_sources(folder):
    """What git tracks, without what was built here."""
    names = subprocess.run(
        ["git", "ls-files", "-z"], capture_output=True, text=True, cwd=ROOT, check=True
    ).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())


def test_pip_installs_messages_commands_and_configuration(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    copy_of_the_sources(source)
    command = [
        *(sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation"),
        *("--quiet", "--ignore-installed", "--prefix", str(target), str(source)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    (package,) = target.glob("lib/python*/site-packages/dice_ros")
    assert list(package.glob("dice_ros_s__rosidl_typesupport_c*.so"))
    assert (package / "msg" / "_hand_face_interaction.py").is_file()
    assert (target / "share" / "dice_ros" / "config" / "fastdds.xml").is_file()
    assert (target / "share" / "dice_ros" / "msg" / "Face.msg").is_file()
    assert (target / "bin" / "dice-ros").is_file()
    assert list((target / "lib").glob("libdice_ros__rosidl_typesupport_c*.so"))
    code = (
        f"import sys; sys.path.insert(0, {str(package.parent)!r}); sys.path += {sys.path!r}\n"
        "import dice_ros.cli.main, dice_ros; print(dice_ros.__file__)"
    )
    found = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert str(target) in found.stdout, found.stderr
