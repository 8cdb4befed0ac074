"""DICE under evaluation, on stand-ins."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="DICE needs PyTorch: pip install torch smplx safetensors")

from dice_ros.datasets.decaf_layout import DecafLayout, Split
from dice_ros.estimators.dice.open_dice import open_runner
from dice_ros.evaluation.decaf_evaluation import DecafEvaluation
from dice_ros.evaluation.dice_contender import DiceContender
from dice_ros.settings import Settings


@pytest.fixture(scope="module")
def evaluation(decaf_root):
    return DecafEvaluation(DecafLayout(decaf_root, Split.TEST), limit=2)


def contender(model_dir):
    settings = Settings(estimator="dice", device="cpu", engine="eager", precision="float32")
    opened = open_runner(settings, model_dir, neck_deforms=True)
    return DiceContender(opened.runner, synthetic=opened.synthetic)


def test_batches_do_not_change_scores(evaluation, model_dir):
    runs = []
    for batch in (1, 2):
        method = contender(model_dir)
        scores = [score for some in evaluation.run(method, batch=batch) for score in some]
        runs.append(scores)
        method.close()
    assert [len(scores) for scores in runs] == [6, 6]
    for one, other in zip(*runs, strict=True):
        assert (one.subject, one.frame) == (other.subject, other.frame)
        assert one.pve_mm == pytest.approx(other.pve_mm, rel=1e-4)
        assert one.deformation_mm == pytest.approx(other.deformation_mm, rel=1e-4)


def test_a_network_that_answers_nan_has_found_nothing(evaluation, model_dir):
    import torch

    method = contender(model_dir)
    with torch.no_grad():
        plain = method._runner.engine._plain._graph
        next(iter(plain.core.parameters())).fill_(np.nan)
    scores = [score for some in evaluation.run(method, batch=2) for score in some]
    assert len(scores) == 6
    assert all(score.found == 0.0 and np.isnan(score.pve_mm) for score in scores)
    assert any(score.true_touching for score in scores)
    method.close()
