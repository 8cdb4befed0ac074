from pathlib import Path

import numpy as np
import pytest

from dice_ros.box_overlap import overlap
from dice_ros.evaluation.two_hands import (
    mpvpe_mm,
    mrrpe_mm,
    rrve_mm,
    two_hand_figures,
    wrist_relative,
)


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


@pytest.fixture(scope="module")
def official():
    """Four samples and what the official evaluator says about them."""
    path = Path(__file__).parents[1] / "data" / "interwild" / "interwild-public-1.npz"
    with np.load(path, allow_pickle=False) as stored:
        return {key[7:]: stored[key] for key in stored.files if key.startswith("metric/")}


def test_figures_equal_those_of_the_official_evaluator(official):
    wrist = official["J_regressor"][0]
    true = {"right": official["mesh_gt"][:, :778], "left": official["mesh_gt"][:, 778:]}
    found = {"right": official["rmesh_out"], "left": official["lmesh_out"]}
    known = {"right": official["has_right"], "left": official["has_left"]}
    hands = {
        side: np.where(known[side], mpvpe_mm(found[side], true[side], wrist), np.nan)
        for side in ("right", "left")
    }
    interacting = official["hand_type"] == "interacting"
    true_relative = wrist @ true["left"] - wrist @ true["right"]
    # As published, a mesh that is not annotated is not left out here.
    relative = np.where(interacting, mrrpe_mm(official["rel_trans_out"], true_relative), np.nan)
    figures = two_hand_figures(hands["right"], hands["left"], relative, interacting)
    assert figures.mpvpe_single == pytest.approx(float(official["exp_mpvpe_sh"]), rel=1e-4)
    assert figures.mpvpe_interacting == pytest.approx(float(official["exp_mpvpe_ih"]), rel=1e-4)
    assert figures.mrrpe == pytest.approx(float(official["exp_mrrpe"]), rel=1e-4)
    both = np.concatenate([hands["right"], hands["left"]])
    assert np.nanmean(both) == pytest.approx(float(official["exp_mpvpe_all"]), rel=1e-4)
    found_left = wrist_relative(found["left"], wrist) + official["rel_trans_out"][:, None]
    rrve = rrve_mm(
        wrist_relative(found["right"], wrist), found_left, true["right"], true["left"], wrist
    )
    assert rrve[interacting & known["right"] & known["left"]].mean() == pytest.approx(
        float(official["exp_rrve"]), rel=1e-4
    )


def test_boxes_are_judged_as_by_the_official_evaluator(official):
    focal, centre = 525.0, np.array([319.5, 239.5])
    shares = []
    for side, vertices in (("right", slice(0, 778)), ("left", slice(778, None))):
        for number in np.flatnonzero(official[f"has_{side}"]):
            mesh = official["mesh_gt"][number, vertices]
            pixels = focal * mesh[:, :2] / mesh[:, 2:] + centre
            low, high = pixels.min(axis=0), pixels.max(axis=0)
            middle, half = (low + high) / 2, 1.2 * (high - low) / 2
            # From body pixels to the canvas, then to the image.
            to_image = official["bb2img"][number]
            corners = 2 * official[f"{side[0]}hand_bbox"][number].reshape(2, 2)
            found = (corners @ to_image[:, :2].T + to_image[:, 2]).ravel()
            shares.append(overlap(found, np.concatenate([middle - half, middle + half])))
    assert np.mean(shares) == pytest.approx(float(official["exp_bbox_iou"]), rel=1e-4)
