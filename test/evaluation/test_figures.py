import numpy as np
import pytest

from dice_ros.evaluation.contact_scores import harmonic_mean
from dice_ros.evaluation.figures import METRICS, Bootstrap, figures, figures_by_subject
from dice_ros.evaluation.frame_score import FrameScore
from dice_ros.evaluation.published_table import PUBLISHED, PUBLISHED_CONTACT


def scores_of(values, subject="S1"):
    return [FrameScore(subject, "108", row, pve_mm=float(v)) for row, v in enumerate(values)]


def test_frames_of_all_subjects_count_alike():
    scores = scores_of([1.0, 3.0]) + scores_of([8.0], "S3")
    assert figures(scores)["pve"].value == pytest.approx(4.0)
    each = figures_by_subject(scores)
    assert [each[name]["pve"].value for name in ("S1", "S3")] == [2.0, 8.0]


def test_the_order_of_frames_does_not_matter():
    scores = scores_of(np.random.default_rng(0).normal(10, 1, 200))
    assert figures(scores) == figures(scores[::-1]) or str(figures(scores)) == str(
        figures(scores[::-1])
    )


def test_intervals_are_the_same_for_the_same_seed_and_differ_for_another():
    scores = scores_of(np.random.default_rng(0).normal(10, 1, 200))
    one, same, other = (figures(scores, Bootstrap(seed=seed))["pve"] for seed in (1, 1, 2))
    assert one == same
    assert one.low != other.low
    assert one.low < one.value < one.high


def test_intervals_of_independent_frames_are_as_wide_as_theory_says():
    scores = scores_of(np.random.default_rng(0).normal(10, 2, 3000))
    found = figures(scores, Bootstrap(resamples=4000, run_length=1))["pve"]
    assert found.high - found.low == pytest.approx(2 * 1.96 * 2 / np.sqrt(3000), rel=0.08)


def test_neighbouring_frames_are_not_taken_for_independent_ones():
    values = np.repeat(np.random.default_rng(0).normal(10, 2, 60), 30)
    alone, together = (
        figures(scores_of(values), Bootstrap(run_length=length))["pve"] for length in (1, 30)
    )
    assert together.high - together.low > 3 * (alone.high - alone.low)


def test_one_run_of_frames_has_no_interval():
    found = figures(scores_of([1.0, 2.0, 3.0]), Bootstrap(run_length=30))["pve"]
    assert found.value == 2.0
    assert np.isnan(found.low)


def test_figures_that_a_method_does_not_have_are_undefined_not_zero():
    found = figures(scores_of([1.0, 2.0]))
    for key in ("mpjpe", "touchness", "f_score", "face_contact_f1", "deformation"):
        assert np.isnan(found[key].value), key
        assert found[key].count == 0


def test_frames_without_a_result_do_not_touch_and_do_not_collide():
    seen = FrameScore(
        *("S1", "108", 0), deep_vertices=0.0, touching=1.0, true_touching=1.0, collision_mm=0.2
    )
    lost = FrameScore("S1", "108", 1, found=0.0, touching=0.0, true_touching=1.0)
    found = figures([seen, lost])
    assert found["touchness"].value == 50.0
    assert found["non_collision"].value == 100.0
    assert found["collision_distance"].value == pytest.approx(0.2)
    assert found["found"].value == 50.0


def test_contacts_are_pooled_over_vertices_and_frames():
    one = FrameScore(
        *("S1", "108", 0),
        face_true_positive=2, face_false_positive=1, face_false_negative=1, face_true_negative=2,
        hand_true_positive=0, hand_false_positive=0, hand_false_negative=4, hand_true_negative=2,
    )  # fmt: skip
    found = figures([one, one])
    for kind in ("precision", "recall", "accuracy", "f1"):
        assert found[f"face_contact_{kind}"].value == pytest.approx(2 / 3)
    assert found["hand_contact_precision"].value == 0.0
    assert found["both_contact_recall"].value == pytest.approx(2 / 7)


def test_published_rows_are_consistent_but_for_the_cell_that_is_marked():
    for row in PUBLISHED:
        f_score = harmonic_mean(row.values["touchness"], row.values["non_collision"])
        agrees = abs(f_score - row.values["f_score"]) < 0.1
        assert agrees != ("f_score" in row.doubtful), row.method
    keys = {metric.key for metric in METRICS}
    assert all(set(row.values) <= keys for row in (*PUBLISHED, *PUBLISHED_CONTACT))
    assert all(row.source for row in (*PUBLISHED, *PUBLISHED_CONTACT))
