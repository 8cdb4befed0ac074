from itertools import pairwise

import numpy as np
import pytest

from dice_ros.body.open_hand import OpenHand
from dice_ros.body.open_head import OpenHead
from dice_ros.synthesis.studio import Category, FrameTruth, Studio
from dice_ros.synthesis.surface_distance import Surface
from dice_ros.synthesis.truth_set import (
    FRAME_PERIOD_NS,
    HOVER_GAPS_M,
    MOST_INDENTATION_M,
    TruthFrame,
    truth_frames,
    truth_sequence,
)
from dice_ros.types import HandSide


@pytest.fixture(scope="module")
def studio(open_head: OpenHead, open_hand: OpenHand) -> Studio:
    return Studio(open_head, open_hand)


@pytest.fixture(scope="module")
def ten(studio: Studio) -> list[TruthFrame]:
    return list(truth_frames(studio, "test", 10))


def smallest_distance(studio: Studio, truth: FrameTruth) -> float:
    """Between the deformed face and the hands, measured on the finished truth alone."""
    head = studio.figure.head_model
    skin = Surface(truth.vertices, head.triangles[head.exterior[head.triangles].all(1)])
    distances = []
    for hand in truth.hands:
        right = hand.state.side is HandSide.RIGHT
        triangles = studio.figure.hand_model.triangles[:, :: 1 if right else -1]
        solid = Surface(hand.vertices, np.ascontiguousarray(triangles))
        points = truth.vertices[head.exterior]
        inside = points[solid.inside(points)]
        assert solid.closest(inside).distance.max(initial=0.0) < 3e-4
        distances += [solid.smallest_distance(points), skin.smallest_distance(hand.vertices)]
    return min(distances)


def test_ten_pictures_hold_five_touches_four_distances_and_one_face_alone(
    ten: list[TruthFrame],
) -> None:
    categories = [item.truth.category for item in ten]
    assert categories.count(Category.TOUCHING) == 5
    assert categories.count(Category.NO_HAND) == 1
    gaps = [item.truth.hands[0].gap for item in ten if item.truth.category is Category.HOVERING]
    assert sorted(gaps) == pytest.approx(HOVER_GAPS_M, abs=5e-4)


def test_touching_hands_touch_and_do_not_reach_in(studio: Studio, ten: list[TruthFrame]) -> None:
    touching = [item.truth for item in ten if item.truth.category is Category.TOUCHING]
    for truth in touching:
        assert smallest_distance(studio, truth) < 5e-4
        assert truth.contact.any()
        assert truth.hands[0].contact.any()
        assert truth.hands[0].gap == 0.0
        assert truth.indentation < 1.5 * MOST_INDENTATION_M
    assert any(truth.indentation > 5e-4 for truth in touching)


def test_hovering_hands_keep_their_distance_and_deform_nothing(
    studio: Studio, ten: list[TruthFrame]
) -> None:
    for item in ten:
        truth = item.truth
        if truth.category is not Category.HOVERING:
            continue
        assert smallest_distance(studio, truth) == pytest.approx(truth.hands[0].gap, abs=5e-4)
        assert not truth.deformation.any()
        assert not truth.contact.any()
        assert not truth.hands[0].contact.any()


def test_deformation_is_deformed_minus_undeformed(ten: list[TruthFrame]) -> None:
    for item in ten:
        truth = item.truth
        np.testing.assert_allclose(truth.undeformed + truth.deformation, truth.vertices, atol=1e-6)


def test_hands_are_mostly_inside_the_picture_and_in_front(ten: list[TruthFrame]) -> None:
    for item in ten:
        camera = item.frame.camera
        assert camera is not None
        assert item.frame.image.shape == (camera.height, camera.width, 3)
        for hand in item.truth.hands:
            assert hand.vertices[:, 2].min() > 0.1
            pixels = camera.project(hand.vertices)
            inside = ((pixels > 0) & (pixels < (camera.width, camera.height))).all(1)
            assert inside.mean() > 0.7


def test_a_picture_is_the_same_bytes_however_it_is_asked_for(
    studio: Studio, ten: list[TruthFrame]
) -> None:
    again = next(truth_frames(studio, "test", 1, first=4))
    assert np.array_equal(again.frame.image, ten[4].frame.image)
    assert np.array_equal(again.truth.vertices, ten[4].truth.vertices)


def test_splits_and_seeds_share_no_picture(studio: Studio, ten: list[TruthFrame]) -> None:
    train = next(truth_frames(studio, "train", 1))
    other = next(truth_frames(studio, "test", 1, seed=1))
    assert not np.array_equal(train.truth.undeformed, ten[0].truth.undeformed)
    assert not np.array_equal(other.truth.undeformed, ten[0].truth.undeformed)


def test_a_sequence_approaches_touches_and_lets_go_smoothly(studio: Studio) -> None:
    frames = list(truth_sequence(studio, "train", 0, length=10))
    categories = [item.truth.category for item in frames]
    assert categories[0] is categories[-1] is Category.HOVERING
    touching = [number for number, kind in enumerate(categories) if kind is Category.TOUCHING]
    assert touching == list(range(touching[0], touching[-1] + 1))
    assert max(item.truth.indentation for item in frames) > 0.002
    for before, after in pairwise(frames):
        assert after.frame.stamp_ns - before.frame.stamp_ns == FRAME_PERIOD_NS
        step = after.truth.hands[0].joints - before.truth.hands[0].joints
        assert np.linalg.norm(step, axis=1).max() < 0.08
        assert after.truth.head is not None
        assert before.truth.head is not None
        assert np.array_equal(after.truth.head.betas, before.truth.head.betas)
