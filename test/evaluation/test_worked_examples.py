"""Numbers produced once with the official functions (pysdf 0.1.9, PyTorch 2.13, CPU)."""

import numpy as np
import pytest

from dice_ros.evaluation.compared_frames import FoundFrames, TrueFrames
from dice_ros.evaluation.contact_scores import ContactScores, harmonic_mean
from dice_ros.evaluation.figures import figures
from dice_ros.evaluation.frame_score import FrameScore
from dice_ros.evaluation.mesh_errors import (
    large_deformation_error_mm,
    similarity_aligned_error_mm,
    vertex_error_mm,
)
from dice_ros.evaluation.plausibility import plausibility
from dice_ros.evaluation.score_frames import reconstruction_errors
from dice_ros.evaluation.signed_distance import SignedDistance

BOX = 0.1 * np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
BOX_TRIANGLES = np.array(
    [
        *([1, 3, 0], [4, 1, 0], [0, 3, 2], [2, 4, 0], [1, 7, 3], [5, 1, 4]),
        *([5, 7, 1], [3, 7, 2], [6, 4, 2], [2, 7, 6], [6, 5, 4], [7, 5, 6]),
    ]
)
SIGNED = {
    (0.06, 0.05, 0.098): 0.002,
    (0.06, 0.05, 0.096): 0.004,
    (0.06, 0.05, 0.09): 0.010,
    (0.04, 0.03, 0.035): 0.060,
    (0.06, 0.05, 0.103): -0.003,
    (0.06, 0.05, 0.12): -0.020,
}
HANDS = {
    "A": [(0.06, 0.05, 0.098)],
    "B": [(0.06, 0.05, 0.09)],
    "C": [(0.04, 0.03, 0.035)],
    "D": [(0.06, 0.05, 0.103)],
    "E": [(0.06, 0.05, 0.12)],
    "F": [(0.06, 0.05, 0.098), (0.06, 0.05, 0.09)],
}


def hands(names):
    """(N, 778, 3): the listed points, the rest far away."""
    made = np.tile([0.0, 0.0, 1.0], (len(names), 778, 1))
    for row, name in enumerate(names):
        made[row, : len(HANDS[name])] = HANDS[name]
    return made


def judged(names):
    box = SignedDistance(BOX_TRIANGLES, len(BOX))
    return plausibility(box.measure(np.tile(BOX, (len(names), 1, 1)), hands(names)))


@pytest.mark.parametrize("wound", [BOX_TRIANGLES, BOX_TRIANGLES[:, ::-1]], ids=["out", "in"])
def test_signed_distances_to_a_box(wound):
    found = SignedDistance(wound, len(BOX)).measure(BOX[None], np.array([list(SIGNED)]))
    np.testing.assert_allclose(found[0], list(SIGNED.values()), atol=1e-6)


def test_collision_and_touch_of_single_frames():
    found = judged("ABCDEF")
    np.testing.assert_array_equal(found.colliding, [1, 1, 1, 0, 0, 2])
    np.testing.assert_array_equal(found.deep, [0, 1, 0, 0, 0, 1])
    np.testing.assert_allclose(
        found.collision_mm * 778 / 1e3, [0.002, 0.010, 0, 0, 0, 0.012], atol=1e-6
    )
    np.testing.assert_array_equal(found.touching, [True, False, True, True, False, True])


def test_plausibility_of_a_data_set():
    found, true = judged("ABCDEF"), judged("ADAEAA")
    scores = [
        FrameScore(
            "S1",
            "108",
            row,
            collision_mm=float(found.collision_mm[row]),
            deep_vertices=float(found.deep[row]),
            touching=float(found.touching[row]),
            true_touching=float(true.touching[row]),
        )
        for row in range(6)
    ]
    table = figures(scores)
    assert table["non_collision"].value == pytest.approx(66.667, abs=1e-3)
    assert table["touchness"].value == pytest.approx(60.0, abs=1e-9)
    assert table["touchness"].count == 5
    assert table["f_score"].value == pytest.approx(63.158, abs=1e-3)
    assert table["collision_distance"].value == pytest.approx(5.1414e-3, abs=1e-7)


def test_heads_are_centred_before_the_deformation_is_taken_off():
    deformed = np.array([[0, 0, 0], [0.1, 0, 0], [0, 0.1, 0], [0, 0, 0.1]])[None]
    hand = np.array([[0.2, 0, 0], [0.2, 0.1, 0]])[None]
    published = np.zeros((1, 4, 3))
    published[0, 3, 2] = 0.01
    none = np.zeros((1, 0, 3))
    truth = TrueFrames(
        *(deformed, np.zeros_like(deformed), hand, none, none),
        head_contact=np.zeros((1, 4), bool),
        hand_contact=np.zeros((1, 2), bool),
    )
    # The published deformation is subtracted; ours, its negative, is added.
    found = FoundFrames(
        deformed + np.array([1, 2, 3]), -published, hand + np.array([1.003, 2.004, 3])
    )
    assert reconstruction_errors(found, truth).pve_mm[0] == pytest.approx(3.33333, abs=1e-5)
    late = FoundFrames(found.head + found.deformation, np.zeros((1, 4, 3)), found.hand)
    assert reconstruction_errors(late, truth).pve_mm[0] == pytest.approx(4.36339, abs=1e-5)


TRUE = np.array([[0, 0, 0], [0.1, 0, 0], [0, 0.2, 0], [0, 0, 0.3]])
TRUE_5 = np.array(
    [[0, 0, 0], [0.1, 0.02, 0.01], [0.03, 0.2, 0.05], [0.02, 0.04, 0.3], [0.15, 0.1, 0.07]]
)
MOVES_5 = np.array([[0, 0, 0], [0.01, 0, 0], [0, -0.01, 0], [0, 0, 0.02], [0.005, 0.005, 0]])
QUARTER_TURN = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])


@pytest.mark.parametrize(
    ("found", "true", "plain", "aligned"),
    [
        (TRUE @ QUARTER_TURN.T / 1.5 + (0.01, 0.02, 0.03), TRUE, 114.9123, 0.0),
        (TRUE + np.array([[0, 0, 0]] * 3 + [[0, 0, 0.03]]), TRUE, 7.5, 6.70578),
        (TRUE * (-1, 1, 1), TRUE, 50.0, 55.09382),
        (TRUE_5 + MOVES_5, TRUE_5, 9.414214, 7.014493),
    ],
    ids=["similar", "stretched", "mirrored", "five points"],
)
def test_joint_errors_before_and_after_alignment(found, true, plain, aligned):
    assert vertex_error_mm(found, true) == pytest.approx(plain, abs=1e-4)
    within = 1e-9 if aligned == 0.0 else 1e-5
    assert similarity_aligned_error_mm(found[None], true[None])[0] == pytest.approx(
        aligned, abs=within
    )


def test_deformation_errors():
    true = np.array([[0.006, 0.008, 0], [0.003, 0, 0], [0, 0, 0], [0, 0, 0]])
    found = np.array([[0.003, 0.004, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]])
    assert vertex_error_mm(found, true) == pytest.approx(2.0)
    assert large_deformation_error_mm(found, true) == (pytest.approx(7.0), 1)
    assert large_deformation_error_mm(found, true, euclidean=True) == (pytest.approx(5.0), 1)


def test_contact_scores():
    probability = np.array([0.9, 0.5, 0.49, 0.2, 0.8, 0.1])
    scores = ContactScores.count(probability >= 0.5, np.array([1, 0, 1, 0, 1, 0], bool))
    assert (scores.true_positive, scores.true_negative) == (2, 2)
    assert (scores.false_positive, scores.false_negative) == (1, 1)
    for value in (scores.precision, scores.recall, scores.accuracy, scores.f1):
        assert value == pytest.approx(0.666667, abs=1e-6)


@pytest.mark.parametrize(
    ("clear", "touch", "expected"),
    [(83.6, 96.6, 89.63), (66.6, 79.9, 72.65), (64.2, 73.2, 68.41)],
)
def test_f_scores(clear, touch, expected):
    assert harmonic_mean(clear, touch) == pytest.approx(expected, abs=0.006)
