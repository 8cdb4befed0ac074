"""A file is whole, or as it was before."""

import os
import resource
import subprocess
import sys
import tempfile
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
    reader = threading.Thread(target=lambda: found.append(pipe.read_text()), daemon=True)
    reader.start()
    write_whole(pipe, "through")
    reader.join(10)
    assert found == ["through"]
    assert names(tmp_path) == ["pipe"]


def to_standard_output(stdout):
    code = (
        "from pathlib import Path; from dice_ros.whole_file import write_whole; "
        "write_whole(Path('/dev/stdout'), 'through')"
    )
    root = Path(__file__).parents[1]
    command = [sys.executable, "-c", code]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, check=False, cwd=root)


def test_standard_output_that_is_piped_on_is_written_to():
    found = to_standard_output(subprocess.PIPE)
    assert (found.stdout, found.stderr) == (b"through", b"")


def test_standard_output_in_a_file_is_written_to_and_not_replaced():
    with tempfile.TemporaryFile() as file:
        assert to_standard_output(file).stderr == b""
        file.seek(0)
        assert file.read() == b"through"


def test_links_in_a_circle_are_an_output_error(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(OutputError, match="cannot write"):
        write_whole(tmp_path / "a" / "c.txt", "x")


def test_a_file_that_is_replaced_keeps_its_mode(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("before")
    path.chmod(0o600)
    write_whole(path, "after")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("after", 0o600)


def test_the_longest_name_is_written(tmp_path):
    path = tmp_path / ("a" * 255)
    write_whole(path, "x")
    assert path.read_text() == "x"
