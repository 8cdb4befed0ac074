"""DICE at the face and InterWild for the other hand, with stand-ins."""

import dataclasses
import pickle

import numpy as np
import pytest
from estimators.interwild.test_interwild_estimator import LEFT, RIGHT, observe_hands
from estimators.test_dice import FACE, HAND, hand_landmarks, observe

from dice_ros.estimators.dice_interwild.estimator import hand_at_face, with_sides_of
from dice_ros.estimators.interwild.estimator import ReadHands
from dice_ros.estimators.open_estimator import open_estimator
from dice_ros.settings import Settings
from dice_ros.stopwatch import Stopwatch
from dice_ros.types import Box, ContactSource, FaceLandmarks, HandSide, TouchDecision

AWAY = Box(440.0, 320.0, 80.0, 90.0)
BESIDE = Box(390.0, 250.0, 80.0, 90.0)


@pytest.fixture(scope="module")
def estimator(model_dir, asset_dir):
    values = {
        **{"estimator": "dice+interwild", "model_dir": str(model_dir), "device": "cpu"},
        **{"engine": "eager", "precision": "float32", "smoothing": False},
    }
    opened = open_estimator(Settings.from_mapping(values), asset_dir)
    yield opened
    opened.close()


def hands_at(at_face, other, side=RIGHT):
    others = LEFT if side is RIGHT else RIGHT
    # The other one first: order must not matter.
    return [hand_landmarks(others, other, 2), hand_landmarks(side, at_face, 1)]


@pytest.mark.parametrize("side", HandSide)
def test_dice_gives_the_hand_at_the_face_and_interwild_the_other(estimator, picture, side):
    found = estimator.estimate(observe(picture, hands_at(HAND, AWAY, side)))
    first, other = found.hands
    assert found.face is not None
    assert first.side is side
    assert first.touch is TouchDecision.CONTACT
    assert found.contact_source is ContactSource.NETWORK
    assert other.side is not side
    assert other.touch is TouchDecision.NO_OVERLAP
    assert not other.contact.any()
    known = {topology.id for topology in estimator.topologies}
    assert {first.topology, other.topology, found.face.topology} == known
    stages = {timing.stage for timing in found.timings}
    assert {"dice_network", "interwild_network"} <= stages


def test_hands_apart_stand_where_each_network_places_them(estimator, picture):
    observation = observe(picture, hands_at(HAND, AWAY))
    read = estimator._interwild.read(observation, Stopwatch())
    assert not read.together
    other = estimator.estimate(observation).hands[1]
    np.testing.assert_allclose(other.transl, read.placed[LEFT].wrist, atol=1e-5)


@pytest.mark.parametrize("side", HandSide)
def test_interacting_hands_keep_interwilds_vector_from_dices_wrist(estimator, picture, side):
    observation = observe(picture, hands_at(HAND, BESIDE, side))
    if side is LEFT:
        # The stand-in's left hand is always to the right in the picture: so must the boxes be.
        observation = observe(picture, hands_at(BESIDE, HAND, side), face=Box(460, 150, 90, 120))
    read = estimator._interwild.read(observation, Stopwatch())
    assert read.together
    between = read.placed[LEFT].wrist - read.placed[RIGHT].wrist
    hands = {hand.side: hand for hand in estimator.estimate(observation).hands}
    np.testing.assert_allclose(hands[LEFT].transl - hands[RIGHT].transl, between, atol=1e-5)
    assert estimator.estimate(observation).hands[0].side is side


def test_one_hand_away_from_nothing_is_dices(estimator, picture):
    found = estimator.estimate(observe(picture, [hand_landmarks(RIGHT, HAND)]))
    assert [hand.side for hand in found.hands] == [RIGHT]
    assert found.hands[0].contact_presence > 0.0


def test_without_a_face_interwild_answers_alone(estimator, picture):
    found = estimator.estimate(observe_hands(picture, hands_at(HAND, AWAY)))
    assert found.face is None
    assert len(found.hands) == 2
    assert found.source == estimator.name == "synthetic"


def test_without_hands_dice_answers_alone(estimator, picture):
    found = estimator.estimate(observe(picture, []))
    assert found.face is not None
    assert found.hands == ()


def test_what_both_know_is_carried_over_together(estimator, picture):
    observation = observe(picture, hands_at(HAND, BESIDE))
    estimator.estimate(observation)
    kept = pickle.dumps(estimator.memory())
    estimator.reset()
    estimator.restore(pickle.loads(kept))
    dice, interwild = estimator.memory()
    assert set(dice) == set(interwild) == {1}
    estimator.keep_only(frozenset())
    assert estimator.memory() == ({}, {})


def test_the_nearest_hand_is_the_one_at_the_face(picture):
    face = FaceLandmarks(np.zeros((478, 3)), 0.9, np.zeros(52), FACE)
    at_face, away = hand_landmarks(LEFT, HAND), hand_landmarks(RIGHT, AWAY)
    assert hand_at_face(face, (away, at_face)) is at_face
    covering = hand_landmarks(RIGHT, Box(255.0, 160.0, 80.0, 90.0))
    assert hand_at_face(face, (at_face, covering)) is covering
    assert hand_at_face(face, ()) is None


def test_boxes_that_interwild_found_say_which_hand_is_which(estimator, picture):
    observation = observe(picture, hands_at(HAND, AWAY))
    read = estimator._interwild.read(observation, Stopwatch())
    # Given boxes came with a side: nothing to say.
    assert with_sides_of(read, observation) is observation

    def found(side, box):
        corners = np.array([box.x, box.y, box.x + box.width, box.y + box.height])
        placed = read.placed[side]
        seen = dataclasses.replace(placed.seen, box=corners, confidence=0.4)
        return dataclasses.replace(placed, seen=seen)

    swapped = ReadHands({RIGHT: found(RIGHT, AWAY), LEFT: found(LEFT, HAND)}, together=False)
    sides = {hand.track_id: hand.side for hand in with_sides_of(swapped, observation).hands}
    assert sides == {1: LEFT, 2: RIGHT}
    elsewhere = Box(0.0, 0.0, 20.0, 20.0)
    nowhere = ReadHands({RIGHT: found(RIGHT, elsewhere)}, together=False)
    sides = {hand.track_id: hand.side for hand in with_sides_of(nowhere, observation).hands}
    assert sides == {1: RIGHT, 2: LEFT}
