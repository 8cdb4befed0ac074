import dataclasses
from pathlib import Path

import numpy as np
import pytest

from dice_ros.body.open_hand import OpenHand
from dice_ros.body.open_head import OpenHead
from dice_ros.perception.person_tracker import PersonTracker
from dice_ros.settings import Settings
from dice_ros.synthesis.demo_clip import DemoClip
from dice_ros.synthesis.photo import develop
from dice_ros.synthesis.scene import Sensor
from dice_ros.synthesis.studio import Studio
from dice_ros.synthesis.truth_set import TruthFrame, truth_frames
from dice_ros.types import HandSide


@pytest.fixture(scope="module")
def portrait(open_head: OpenHead, open_hand: OpenHand) -> TruthFrame:
    """A face without hands."""
    return next(truth_frames(Studio(open_head, open_hand), "train", 1, first=9))


def test_the_head_is_where_its_vertices_project(portrait: TruthFrame) -> None:
    frame, truth = portrait.frame, portrait.truth
    assert frame.camera is not None
    pixels = frame.camera.project(truth.vertices)
    low, high = np.floor(pixels.min(0)).astype(int), np.ceil(pixels.max(0)).astype(int)
    height, width = frame.image.shape[:2]
    inside = frame.image[max(low[1], 0) : high[1], max(low[0], 0) : high[0]]
    corner = frame.image[: height // 10, : width // 10]
    assert inside.std() > 2.0 * corner.std()


def test_noise_is_the_same_for_the_same_seed_and_blur_smooths() -> None:
    linear = np.random.default_rng(0).uniform(0, 1, (40, 50, 3)).astype(np.float32)
    noisy = Sensor(noise=0.02, seed=4)
    assert np.array_equal(develop(linear, noisy), develop(linear, noisy))
    assert not np.array_equal(
        develop(linear, noisy), develop(linear, dataclasses.replace(noisy, seed=5))
    )
    sharp = develop(linear, Sensor(noise=0.0))
    soft = develop(linear, Sensor(noise=0.0, blur_px=1.5))
    assert soft.std() < 0.7 * sharp.std()


def test_light_becomes_pixels_by_the_usual_gamma() -> None:
    grey = np.full((2, 2, 3), 0.2140, np.float32)
    assert (develop(grey, Sensor(noise=0.0)) == round(255 * 0.2140 ** (1 / 2.2))).all()
    assert (develop(10 * grey, Sensor(noise=0.0)) == 255).all()


def test_the_networks_take_the_rendered_person_for_a_real_one(asset_dir: Path) -> None:
    clip = DemoClip(asset_dir)
    tracker = PersonTracker(Settings(), asset_dir / "networks")
    try:
        for index, side in ((40, HandSide.RIGHT), (92, HandSide.LEFT)):
            tracker.reset()
            frame, truth = clip.frame(index)
            persons = tracker.update(frame, clip.camera).persons
            assert len(persons) == 1
            assert persons[0].face is not None
            assert persons[0].face.score > 0.9
            assert [hand.side for hand in persons[0].hands] == [side]
            seen = persons[0].hands[0].points[:, :2]
            true = clip.camera.project(truth.hands[0].joints)
            size = np.ptp(true, axis=0).max()
            assert np.linalg.norm(seen - true, axis=1).mean() < 0.12 * size
    finally:
        tracker.close()
