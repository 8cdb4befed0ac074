"""What all tests share: the real assets, the real photograph, our own renders."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import settings

from dice_ros.assets.store import ensure_assets
from dice_ros.body.open_hand import OpenHand
from dice_ros.body.open_head import OpenHead
from dice_ros.pipeline import Pipeline
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
def astronaut(asset_dir: Path) -> np.ndarray:
    """(512, 512, 3) uint8 RGB: one face, no hands."""
    return cv2.cvtColor(cv2.imread(str(asset_dir / "astronaut.png")), cv2.COLOR_BGR2RGB)


@pytest.fixture(scope="session")
def demo_clip(asset_dir: Path) -> DemoClip:
    return DemoClip(asset_dir)


@pytest.fixture(scope="session")
def touching_render(demo_clip: DemoClip):
    """(Frame, FrameTruth) of a render whose right hand touches the cheek."""
    return demo_clip.frame(45)


@pytest.fixture(scope="session")
def pipeline(asset_dir: Path):
    """A pipeline with default settings; tests reset it first."""
    made = Pipeline(asset_dir)
    yield made
    made.close()
