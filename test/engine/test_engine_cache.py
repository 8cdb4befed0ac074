"""Built engines on disk: found when they fit, rebuilt when they do not, never half there."""

import dataclasses
import os
import resource
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from dice_ros.engine.engine_cache import EngineCache, EngineKey, engine_folder
from dice_ros.errors import OutputError

KEY = EngineKey(
    kind="tensorrt_rtx",
    precision="float16",
    batch=2,
    weights="a" * 64,
    bodies="b" * 64,
    graph="c" * 64,
    device="NVIDIA GeForce RTX 4090",
    capability="8.9",
    versions=("tensorrt-rtx 1.5.0", "torch 2.13.0"),
)


def build(folder):
    (folder / "engine.bin").write_bytes(b"engine" * 1000)
    (folder / "parts").mkdir()
    (folder / "parts" / "one").write_text("1")


@pytest.fixture
def cache(tmp_path):
    return EngineCache(tmp_path / "engines")


def test_what_was_built_is_found_again(cache):
    assert cache.find(KEY) is None
    folder = cache.add(KEY, build)
    assert cache.find(KEY) == folder
    assert (folder / "engine.bin").read_bytes() == b"engine" * 1000


def test_the_folder_is_the_users_alone(cache):
    cache.add(KEY, build)
    assert stat.S_IMODE(cache.folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("field", [item.name for item in dataclasses.fields(EngineKey)])
def test_whatever_changes_makes_another_engine(cache, field):
    cache.add(KEY, build)
    changed = {"batch": 4, "versions": ("torch 9",)}.get(field, "other")
    assert cache.find(dataclasses.replace(KEY, **{field: changed})) is None
    assert cache.find(KEY) is not None


@pytest.mark.parametrize("name", ["engine.bin", "parts/one", "engine.json"])
@pytest.mark.parametrize("damage", ["changed", "cut", "gone"])
def test_a_damaged_engine_is_removed_not_loaded(cache, name, damage):
    path = cache.add(KEY, build) / name
    data = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(data[:-3] if damage == "cut" else b"X" + data[1:])
    assert cache.find(KEY) is None
    assert list(cache.folder.iterdir()) == []
    assert cache.find(KEY) is None
    assert cache.add(KEY, build).is_dir()


def test_a_build_that_fails_leaves_nothing_behind(cache):
    def failing(folder):
        build(folder)
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError):
        cache.add(KEY, failing)
    assert list(cache.folder.iterdir()) == []


def test_of_two_nodes_that_start_together_one_builds(cache):
    """The second waits for the first, and takes its engine: nothing is replaced under a reader."""
    started, may_end, builds = threading.Event(), threading.Event(), []

    def slowly(folder):
        builds.append(folder)
        started.set()
        assert may_end.wait(60)
        build(folder)

    with ThreadPoolExecutor() as nodes:
        first = nodes.submit(cache.add, KEY, slowly)
        assert started.wait(60)
        second = nodes.submit(EngineCache(cache.folder).add, KEY, slowly)
        other = nodes.submit(cache.add, dataclasses.replace(KEY, batch=4), build)
        assert other.result(60).is_dir()  # another engine is not waited for
        may_end.set()
        assert first.result(60) == second.result(60) == cache.find(KEY)
    assert len(builds) == 1
    assert len(list(cache.folder.iterdir())) == 2  # no lock is left


def test_whoever_waited_builds_if_the_first_failed(cache):
    started, may_fail = threading.Event(), threading.Event()

    def failing(folder):
        started.set()
        assert may_fail.wait(60)
        raise RuntimeError("killed")

    with ThreadPoolExecutor() as nodes:
        first = nodes.submit(cache.add, KEY, failing)
        assert started.wait(60)
        second = nodes.submit(cache.add, KEY, build)
        may_fail.set()
        assert second.result(60) == cache.find(KEY)
        assert isinstance(first.exception(60), RuntimeError)


def test_another_builder_is_waited_for_only_as_long_as_wanted(cache):
    started, may_end, stop = threading.Event(), threading.Event(), threading.Event()

    def slowly(folder):
        started.set()
        assert may_end.wait(60)
        build(folder)

    with ThreadPoolExecutor() as nodes:
        first = nodes.submit(cache.add, KEY, slowly)
        assert started.wait(60)
        second = nodes.submit(cache.add, KEY, build, stop)
        stop.set()
        with pytest.raises(OutputError, match="nobody waits"):
            second.result(60)
        may_end.set()
        assert first.result(60).is_dir()


def test_what_a_killed_builder_left_is_removed_after_a_day(cache):
    cache.add(KEY, build)
    old, new = cache.folder / ".tensorrt_rtx-old.abc", cache.folder / ".tensorrt_rtx-new.abc"
    for folder in (old, new):
        build_in = folder / "part"
        build_in.mkdir(parents=True)
    a_week_ago = time.time() - 7 * 86400
    os.utime(old, (a_week_ago, a_week_ago))
    cache.add(dataclasses.replace(KEY, batch=4), build)
    assert not old.exists()
    assert new.exists()  # somebody may be building it
    assert cache.find(KEY)


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770])
def test_a_folder_that_others_can_write_to_is_refused_and_left_alone(cache, mode):
    cache.add(KEY, build)
    cache.folder.chmod(mode)
    for use in (lambda: cache.find(KEY), lambda: cache.add(KEY, build)):
        with pytest.raises(OutputError, match="chmod 700"):
            use()
    assert stat.S_IMODE(cache.folder.stat().st_mode) == mode


def test_a_full_disk_is_an_error_with_advice_and_leaves_nothing(cache):
    cache.add(dataclasses.replace(KEY, batch=4), build)

    def large(folder):
        build(folder)
        limit(100)  # bytes a file: the list of files is longer

    def limit(size):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, most))

    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(OutputError, match=r"File too large.*DICE_ROS_ENGINES"):
            cache.add(KEY, large)
    finally:
        limit(before)
    assert len(list(cache.folder.iterdir())) == 1


def test_a_cache_that_cannot_be_written_is_an_error_with_advice(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="DICE_ROS_ENGINES"):
        EngineCache(tmp_path / "file" / "engines").add(KEY, build)


def test_the_folder_can_be_named(monkeypatch, tmp_path):
    monkeypatch.setenv("DICE_ROS_ENGINES", str(tmp_path))
    assert engine_folder() == tmp_path
    monkeypatch.delenv("DICE_ROS_ENGINES")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert engine_folder() == tmp_path / "dice_ros" / "engines"
