"""Built engines on disk: found when they fit, rebuilt when they do not, never half there."""

import dataclasses
import stat

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


def test_an_engine_built_again_replaces_the_old_one(cache):
    cache.add(KEY, build)
    folder = cache.add(KEY, lambda scratch: (scratch / "engine.bin").write_bytes(b"new"))
    assert cache.find(KEY) == folder
    assert (folder / "engine.bin").read_bytes() == b"new"
    assert not (folder / "parts").exists()


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
