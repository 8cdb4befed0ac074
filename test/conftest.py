"""What all tests share: the real assets, the real photograph, our own renders."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import settings

from dice_ros.assets.store import ensure_assets
from dice_ros.body.open_hand import OpenHand
from dice_ros.body.open_head import OpenHead
from dice_ros.pipeline import Pipeline
from dice_ros.replay.results_writer import ImageBagWriter
from dice_ros.synthesis.demo_clip import DemoClip
from dice_ros.synthesis.stand_in_bodies import (
    FlameArrays,
    ManoArrays,
    make_stand_in_flame,
    make_stand_in_mano,
)

# The same examples in every run, and no clock: a slow machine is no failure.
settings.register_profile("dice_ros", deadline=None, derandomize=True)
settings.load_profile("dice_ros")


@pytest.fixture(scope="session")
def asset_dir() -> Path:
    """The prepared assets, fetched and built on first use."""
    return ensure_assets()


@pytest.fixture(scope="session")
def open_head(asset_dir: Path) -> OpenHead:
    return OpenHead.load(asset_dir / "head.npz")


@pytest.fixture(scope="session")
def open_hand(asset_dir: Path) -> OpenHand:
    return OpenHand.load(asset_dir / "hand.npz")


@pytest.fixture(scope="session")
def stand_in_flame(open_head: OpenHead) -> FlameArrays:
    return make_stand_in_flame(open_head)


@pytest.fixture(scope="session")
def stand_in_mano(open_hand: OpenHand) -> ManoArrays:
    return make_stand_in_mano(open_hand)


@pytest.fixture(scope="session")
def licensed_stand_ins(tmp_path_factory, open_head: OpenHead, open_hand: OpenHand) -> Path:
    """A folder with stand-ins for every licensed file, a small network among them."""
    pytest.importorskip("torch", reason="DICE needs PyTorch: pip install torch smplx safetensors")
    from dice_ros.networks.dice_config import small_config
    from dice_ros.networks.interwild.config import small_config as small_interwild
    from dice_ros.networks.interwild.seeded_weights import write_stand_in_snapshot
    from dice_ros.networks.stand_in_weights import write_stand_in_checkpoint
    from dice_ros.synthesis.stand_in_bodies import write_stand_ins

    folder = tmp_path_factory.mktemp("licensed")
    write_stand_ins(folder, open_head, open_hand)
    write_stand_in_checkpoint(folder / "model.bin", small_config())
    write_stand_in_snapshot(folder / "snapshot_6.pth", small_interwild())
    return folder


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory, licensed_stand_ins: Path) -> Path:
    """The same, converted: what the estimators dice and interwild load."""
    pytest.importorskip(
        "smplx", reason="the bodies need smplx: pip install torch smplx safetensors"
    )
    from dice_ros.body.dice_bodies import FILE_NAME, save_bodies
    from dice_ros.body.licensed_bodies import read_licensed_bodies, read_licensed_hands
    from dice_ros.body.mano_pair import FILE_NAME as HANDS_NAME
    from dice_ros.body.mano_pair import save_hands
    from dice_ros.networks.dice_weights import convert_dice
    from dice_ros.networks.interwild.weights import convert_interwild

    folder = tmp_path_factory.mktemp("models")
    convert_interwild(licensed_stand_ins / "snapshot_6.pth", folder / "interwild.safetensors")
    save_hands(folder / HANDS_NAME, read_licensed_hands(licensed_stand_ins))
    convert_dice(licensed_stand_ins / "model.bin", folder / "dice.safetensors")
    save_bodies(folder / FILE_NAME, read_licensed_bodies(licensed_stand_ins))
    return folder


@pytest.fixture(scope="session")
def decaf_root(tmp_path_factory, licensed_stand_ins: Path) -> Path:
    """A data set in the layout of Decaf: three frames of each test subject; never write to it."""
    pytest.importorskip(
        "smplx", reason="the bodies need smplx: pip install torch smplx safetensors"
    )
    from dice_ros.synthesis.decaf_set import write_decaf_set

    root = tmp_path_factory.mktemp("decaf")
    write_decaf_set(root, licensed_stand_ins, frames=3)
    return root


@pytest.fixture(scope="session")
def astronaut(asset_dir: Path) -> np.ndarray:
    """(512, 512, 3) uint8 RGB: one face, no hands."""
    return cv2.cvtColor(cv2.imread(str(asset_dir / "astronaut.png")), cv2.COLOR_BGR2RGB)


@pytest.fixture(scope="session")
def demo_clip(asset_dir: Path) -> DemoClip:
    return DemoClip(asset_dir)


@pytest.fixture(scope="session")
def touching_render(demo_clip: DemoClip):
    """(Frame, FrameTruth) of a render whose right hand touches the cheek."""
    return demo_clip.frame(49)


@pytest.fixture(scope="session")
def pipeline(asset_dir: Path):
    """A pipeline with default settings; tests reset it first."""
    made = Pipeline(asset_dir)
    yield made
    made.close()


@pytest.fixture(scope="session")
def moving_pictures(astronaut: np.ndarray, touching_render) -> list[np.ndarray]:
    """48 pictures of 320x240: a face that drifts, nobody for a while, then a touching hand."""
    face = cv2.resize(astronaut, (240, 240), interpolation=cv2.INTER_AREA)
    touch = cv2.resize(touching_render[0].image, (320, 240), interpolation=cv2.INTER_AREA)
    pictures = []
    for number in range(48):
        picture = np.full((240, 320, 3), 90, np.uint8)
        if number < 20:
            picture[:, 2 * number : 2 * number + 240] = face
        elif number >= 26:
            picture = np.roll(touch, number - 36, axis=1)
        pictures.append(picture)
    return pictures


@pytest.fixture(scope="session")
def short_results(tmp_path_factory, demo_clip: DemoClip) -> Path:
    """Results of twelve frames of which the later ones touch the cheek, with overlays."""
    folder = tmp_path_factory.mktemp("short")
    with ImageBagWriter(folder / "clip.mcap") as writer:
        for number in range(15, 63, 4):
            writer.write_frame(demo_clip.frame(number)[0])
    arguments = ["run", str(folder / "clip.mcap"), "--out", str(folder / "out")]
    done = subprocess.run(
        [sys.executable, "-m", "dice_ros.cli.main", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "out" / "results.mcap"


@pytest.fixture(scope="session")
def ros():
    """Nodes spinning in a thread of their own, in a domain of their own."""
    pytest.importorskip("rclpy", reason="ROS 2 is not installed")
    from ros_session import Ros

    made = Ros()
    yield made
    made.close()
