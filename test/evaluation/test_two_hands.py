import numpy as np
import pytest

from dice_ros.evaluation.two_hands import mpvpe_mm, mrrpe_mm, rrve_mm, two_hand_figures


@pytest.fixture(scope="module")
def wrist(stand_in_mano):
    return np.asarray(stand_in_mano.J_regressor[[0]].todense()).ravel()


@pytest.fixture(scope="module")
def hand(stand_in_mano):
    return stand_in_mano.v_template[None]


def test_place_does_not_count_but_turning_does(hand, wrist):
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    assert mpvpe_mm(hand + 0.3, hand, wrist)[0] == pytest.approx(0.0, abs=1e-9)
    assert mpvpe_mm(hand @ turn, hand, wrist)[0] > 30.0
    assert mpvpe_mm(2 * hand, hand, wrist)[0] > 30.0


def test_one_vertex_off_by_778_um_is_a_thousandth_of_a_millimetre(hand, wrist):
    moved = hand.copy()
    vertex = int(np.flatnonzero(wrist == 0)[0])
    moved[0, vertex, 2] += 778e-6
    assert mpvpe_mm(moved, hand, wrist)[0] == pytest.approx(1e-3)


def test_relative_wrists_are_compared_directly():
    found, true = np.array([[0.1, 0.0, 0.0]]), np.array([[0.1, 0.003, 0.004]])
    assert mrrpe_mm(found, true)[0] == pytest.approx(5.0)


def test_both_hands_are_judged_about_the_right_wrist(hand, wrist):
    left = hand * (-1, 1, 1) + 0.2
    shifted = rrve_mm(hand + 1.0, left + 1.0 + np.array([0.01, 0, 0]), hand, left, wrist)
    assert shifted[0] == pytest.approx(5.0)


def test_single_and_interacting_frames_are_pooled_apart():
    nan = np.nan
    found = two_hand_figures(
        right_mm=np.array([10.0, nan, 4.0, 6.0]),
        left_mm=np.array([nan, 20.0, 8.0, nan]),
        relative_mm=np.array([nan, nan, 30.0, nan]),
        interacting=np.array([False, False, True, True]),
    )
    assert found.mpvpe_single == pytest.approx(15.0)
    assert found.mpvpe_interacting == pytest.approx(6.0)
    assert found.mrrpe == pytest.approx(30.0)
    none = two_hand_figures(*(np.full(1, nan),) * 3, interacting=np.array([True]))
    assert np.isnan(none.mpvpe_single)
