"""A file is whole, or as it was before."""

import os
import resource
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dice_ros.errors import OutputError
from dice_ros.whole_file import whole_file, write_whole


@pytest.fixture
def little_space():
    """Files end at a thousand bytes, as they do on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_text_is_written_in_utf8_and_replaces_what_was_there(tmp_path):
    path = tmp_path / "a.txt"
    write_whole(path, "before\n")
    write_whole(path, "ä\n")
    assert path.read_bytes() == b"\xc3\xa4\n"
    assert names(tmp_path) == ["a.txt"]


def test_on_a_full_disk_the_earlier_file_stays_and_nothing_is_left(tmp_path, little_space):
    path = tmp_path / "a.txt"
    write_whole(path, "before")
    with pytest.raises(OutputError, match=rf"cannot write {path}: File too large"):
        write_whole(path, b"x" * 2000)
    assert path.read_text() == "before"
    assert names(tmp_path) == ["a.txt"]


def test_a_block_that_raises_leaves_the_earlier_file(tmp_path):
    path = tmp_path / "a.txt"
    write_whole(path, "before")

    def stopped():
        with whole_file(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert path.read_text() == "before"
    assert names(tmp_path) == ["a.txt"]


def test_a_missing_folder_is_said(tmp_path):
    with pytest.raises(OutputError, match=r"cannot write .*No such file or directory"):
        write_whole(tmp_path / "none" / "a.txt", "x")


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "a.txt", tmp_path / "a.txt"
    target.write_text("before")
    link.symlink_to(target)
    write_whole(link, "after")
    assert link.is_symlink()
    assert target.read_text() == "after"
    assert names(tmp_path / "there") == ["a.txt"]


def test_a_pipe_is_written_to(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_text()))
    reader.start()
    write_whole(pipe, "through")
    reader.join(10)
    assert found == ["through"]
    assert names(tmp_path) == ["pipe"]


def test_standard_output_that_is_piped_on_is_written_to():
    code = (
        "from pathlib import Path; from dice_ros.whole_file import write_whole; "
        "write_whole(Path('/dev/stdout'), 'through')"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[1],
    )
    assert (found.stdout, found.stderr) == ("through", "")
