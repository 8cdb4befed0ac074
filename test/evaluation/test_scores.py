import numpy as np
import pytest

from dice_ros.evaluation.contact_scores import ContactScores
from dice_ros.evaluation.mesh_errors import centred_error_mm, relative_error_mm, vertex_error_mm


def masks(*rows):
    return [np.array([c == "x" for c in row]) for row in rows]


def test_contacts_are_counted_by_hand():
    found, true = masks("xx-x-", "x-x--")
    scores = ContactScores.count(found, true)
    assert (scores.true_positive, scores.false_positive, scores.false_negative) == (1, 2, 1)
    assert scores.precision == pytest.approx(1 / 3)
    assert scores.recall == 0.5
    assert scores.f1 == pytest.approx(0.4)


def test_frames_are_pooled_by_adding():
    a = ContactScores.count(*masks("xx", "xx"))
    b = ContactScores.count(*masks("--", "xx"))
    assert (a + b).recall == 0.5
    assert (a + b).precision == 1.0


def test_nothing_found_and_nothing_there_is_zero_not_an_error():
    scores = ContactScores()
    assert scores.precision == scores.recall == scores.f1 == 0.0


def test_a_shift_is_its_length_and_vanishes_when_centred():
    points = np.random.default_rng(0).normal(size=(50, 3))
    moved = points + np.array([0.003, 0.004, 0.0])
    assert vertex_error_mm(moved, points) == pytest.approx(5.0)
    assert centred_error_mm(moved, points) == pytest.approx(0.0, abs=1e-9)


def test_errors_relative_to_a_reference_ignore_a_common_shift():
    rng = np.random.default_rng(1)
    hand, head = rng.normal(size=(20, 3)), rng.normal(size=(30, 3))
    both = relative_error_mm(hand + 0.1, hand, head + 0.1, head)
    alone = relative_error_mm(hand + np.array([0, 0, 0.01]), hand, head, head)
    assert both == pytest.approx(0.0, abs=1e-9)
    assert alone == pytest.approx(10.0)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_figures_of_one_frame_are_those_of_the_plain_formulas_to_the_last_bit(kind):
    rng = np.random.default_rng(2)
    found, true = rng.normal(size=(2, 800, 3)).astype(kind)
    head, true_head = rng.normal(size=(2, 3000, 3)).astype(kind)

    def plain(one, other):
        return 1e3 * float(np.linalg.norm(one - other, axis=1).mean())

    assert vertex_error_mm(found, true) == plain(found, true)
    assert centred_error_mm(found, true) == plain(found - found.mean(axis=0), true - true.mean(0))
    assert relative_error_mm(found, true, head, true_head) == plain(
        found - head.mean(axis=0), true - true_head.mean(axis=0)
    )
    assert vertex_error_mm(true, np.zeros_like(true)) == 1e3 * float(
        np.linalg.norm(true, axis=1).mean()
    )


def test_many_frames_are_judged_one_by_one():
    rng = np.random.default_rng(3)
    found, true = rng.normal(size=(2, 5, 40, 3))
    each = [vertex_error_mm(one, other) for one, other in zip(found, true, strict=True)]
    np.testing.assert_allclose(vertex_error_mm(found, true), each)
