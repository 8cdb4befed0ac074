"""Scoring whole frames, with stand-in bodies."""

import numpy as np
import pytest

from dice_ros.evaluation.compared_frames import FoundFrames, TrueFrames
from dice_ros.evaluation.score_frames import FrameName, FrameScorer

NAMES = [FrameName("S1", "108", 0)]


@pytest.fixture(scope="module")
def truth(stand_in_flame, stand_in_mano):
    head, hand = stand_in_flame.v_template[None], stand_in_mano.v_template[None]
    away = hand - hand.mean(axis=1) + (0.0, 0.0, 0.4)
    return TrueFrames(
        head=head,
        deformation=np.zeros_like(head),
        hand=away,
        landmarks=head[:, :68],
        joints=away[:, :21],
        head_contact=np.zeros((1, 5023), bool),
        hand_contact=np.zeros((1, 778), bool),
    )


@pytest.fixture(scope="module")
def scorer(stand_in_flame):
    return FrameScorer(stand_in_flame.f, stand_in_flame.neck_vertices, 5023)


def test_a_found_neck_moves_the_mesh_but_is_no_deformation_error(truth, scorer, stand_in_flame):
    still = FoundFrames(truth.head, truth.deformation, truth.hand)
    pulled = truth.deformation.copy()
    pulled[:, stand_in_flame.neck_vertices] = 0.01
    moving = FoundFrames(truth.head, pulled, truth.hand)
    (one,), (other,) = scorer.score(NAMES, still, truth), scorer.score(NAMES, moving, truth)
    assert one.pve_mm == pytest.approx(0.0, abs=1e-9)
    assert other.pve_mm > 0.1
    assert one.deformation_mm == other.deformation_mm == 0.0


def test_place_does_not_count_but_the_hand_relative_to_the_head_does(truth, scorer):
    found = FoundFrames(truth.head + 0.3, truth.deformation, truth.hand + 0.3 + (0.0, 0.0, 0.01))
    (score,) = scorer.score(NAMES, found, truth)
    assert score.pve_mm == pytest.approx(10.0 * 778 / 5801)
    assert np.isnan(score.mpjpe_mm)
    assert np.isnan(score.face_true_positive)
    assert (score.touching, score.true_touching, score.colliding_vertices) == (0.0, 0.0, 0.0)


def test_a_hand_in_the_face_collides_and_touches(truth, scorer):
    nose = truth.head[0, np.argmax(truth.head[0, :, 2])]
    moved = truth.hand - truth.hand.min(axis=1) * (0, 0, 1) - truth.hand.mean(axis=1) * (1, 1, 0)
    found = FoundFrames(truth.head, truth.deformation, moved + nose - (0.0, 0.0, 0.02))
    (score,) = scorer.score(NAMES, found, truth)
    assert score.colliding_vertices > 0
    assert score.touching == 1.0
    assert 0.0 < score.collision_mm < 20.0
