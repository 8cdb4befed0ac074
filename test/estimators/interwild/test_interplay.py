import numpy as np
import pytest

from dice_ros.box_overlap import overlap
from dice_ros.estimators.interwild.interplay import interact

LEFT = np.array([0.0, 0.0, 100.0, 100.0])


def at(x):
    return np.array([x, 20.0, x + 100.0, 120.0])


def test_hands_begin_to_interact_when_their_boxes_overlap():
    assert not interact(LEFT, at(101.0), before=False)
    assert interact(LEFT, at(99.0), before=False)


def test_they_go_on_until_they_are_clearly_apart():
    assert interact(LEFT, at(110.0), before=True)
    assert interact(LEFT, at(124.0), before=True)
    assert not interact(LEFT, at(126.0), before=True)


def test_a_hand_that_trembles_at_touching_distance_does_not_flicker():
    states, state = [], False
    for x in (130.0, 101.0, 99.0, 101.0, 99.0, 103.0, 100.0, 140.0):
        state = interact(LEFT, at(x), before=state)
        states.append(state)
    assert states == [False, False, True, True, True, True, True, False]


def test_overlap_is_the_shared_part_of_both_areas(interwild_boxes):
    right, left, official = interwild_boxes
    assert overlap(LEFT, LEFT) == pytest.approx(1.0)
    assert overlap(LEFT, at(50.0)) == pytest.approx(4000.0 / 16000.0)
    assert overlap(LEFT, at(300.0)) == 0.0
    empty = np.zeros(4)
    assert overlap(empty, empty) == 0.0
    assert overlap(right, left) == pytest.approx(official, rel=1e-4)
