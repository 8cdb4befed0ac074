from pathlib import Path

import numpy as np
import pytest

from dice_ros.errors import AssetError
from dice_ros.synthesis.demo_clip import FRAME_COUNT, FRAME_PERIOD_NS, DemoClip
from dice_ros.synthesis.storyboard import RENDERED_FRAMES, SCRIPTS
from dice_ros.synthesis.studio import Category
from dice_ros.synthesis.truth_file import save_truth
from dice_ros.types import HandSide


@pytest.fixture(scope="module")
def clip(asset_dir: Path) -> DemoClip:
    return DemoClip(asset_dir)


def test_frames_carry_camera_index_and_stamps_a_tenth_of_a_second_apart(clip: DemoClip) -> None:
    first, _ = clip.frame(0)
    last, _ = clip.frame(FRAME_COUNT - 1)
    assert first.image.shape == last.image.shape == (480, 640, 3)
    assert last.stamp_ns - first.stamp_ns == (FRAME_COUNT - 1) * FRAME_PERIOD_NS
    assert (first.index, last.index) == (0, FRAME_COUNT - 1)
    assert first.camera is last.camera is clip.camera


def test_the_same_frame_is_the_same_bytes_from_a_fresh_clip(
    clip: DemoClip, asset_dir: Path
) -> None:
    frame, truth = clip.frame(41)
    again, truth_again = DemoClip(asset_dir).frame(41)
    assert np.array_equal(frame.image, again.image)
    assert np.array_equal(truth.vertices, truth_again.vertices)


def test_the_story_is_approach_touch_press_rub_release_twice_then_a_photograph(
    clip: DemoClip,
) -> None:
    expected = {
        2: ("face only", Category.NO_HAND, None),
        18: ("approach", Category.HOVERING, HandSide.RIGHT),
        28: ("touch", Category.TOUCHING, HandSide.RIGHT),
        40: ("press", Category.TOUCHING, HandSide.RIGHT),
        52: ("rub", Category.TOUCHING, HandSide.RIGHT),
        70: ("release", Category.HOVERING, HandSide.RIGHT),
        92: ("hold", Category.TOUCHING, HandSide.LEFT),
        110: ("photograph", Category.NO_HAND, None),
    }
    for index, (label, category, side) in expected.items():
        _, truth = clip.frame(index)
        assert (truth.label, truth.category) == (label, category), f"frame {index}"
        assert [hand.state.side for hand in truth.hands] == ([side] if side else [])


def test_the_press_grows_deeper_and_the_rub_moves_over_the_cheek(clip: DemoClip) -> None:
    depths = [clip.frame(index)[1].indentation for index in (31, 36, 41)]
    assert depths[0] < depths[1] < depths[2]
    assert depths[2] == pytest.approx(0.005, abs=0.001)
    centres = []
    for index in (44, 50):
        truth = clip.frame(index)[1]
        assert truth.head is not None
        touched = truth.vertices[truth.contact].mean(0) - truth.head.translation
        centres.append(touched @ truth.head.rotation)
    assert np.linalg.norm(centres[1] - centres[0]) > 0.005


@pytest.mark.parametrize("script", SCRIPTS)
def test_no_hand_jumps_between_frames(script: object) -> None:
    keys = [script.at(frame) for frame in range(RENDERED_FRAMES)]  # type: ignore[attr-defined]
    lifts = np.array([np.nan if key is None else key.lift_mm for key in keys])
    assert np.nanmax(np.abs(np.diff(lifts))) < 25.0


def test_a_frame_that_does_not_exist_is_refused(clip: DemoClip) -> None:
    with pytest.raises(IndexError, match=str(FRAME_COUNT)):
        clip.frame(FRAME_COUNT)


def test_a_missing_photograph_is_named(asset_dir: Path, tmp_path: Path) -> None:
    for name in ("head.npz", "hand.npz"):
        (tmp_path / name).symlink_to(asset_dir / name)
    with pytest.raises(AssetError, match="astronaut"):
        DemoClip(tmp_path)


def test_the_truth_file_holds_every_frame_and_nan_where_nothing_is_known(
    clip: DemoClip, tmp_path: Path
) -> None:
    frames = [clip.frame(index) for index in (0, 41, 92, 110)]
    path = tmp_path / "truth.npz"
    truths = [truth for _, truth in frames]
    save_truth(path, [frame.stamp_ns for frame, _ in frames], truths)
    with np.load(path) as stored:
        assert stored["label"].tolist() == [truth.label for truth in truths]
        assert stored["stamp_ns"].dtype == np.int64
        np.testing.assert_array_equal(stored["face_vertices"][1], truths[1].vertices)
        assert np.isnan(stored["face_vertices"][3]).all()
        assert np.array_equal(
            np.isfinite(stored["right_gap"]), np.array([False, True, False, False])
        )
        np.testing.assert_array_equal(stored["left_joints"][2], truths[2].hands[0].joints)
        assert stored["right_contact"][1].any()
        assert not stored["right_contact"][2].any()


def test_a_truth_file_needs_one_stamp_per_frame(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="1 stamps for 0 frames"):
        save_truth(tmp_path / "truth.npz", [5], [])
