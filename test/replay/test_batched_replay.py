"""Replay with an estimator that takes several images as one batch: same order, same bytes."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="DICE needs PyTorch: pip install torch smplx safetensors")

from replay.recordings import film, write_bag2

from dice_ros.errors import EstimationError
from dice_ros.estimators.dice.runner import DiceRunner
from dice_ros.pipeline import Pipeline
from dice_ros.replay.replay_job import ReplayJob, ReplayOptions
from dice_ros.replay.results_reader import read_interactions
from dice_ros.settings import Settings
from dice_ros.types import Frame


@pytest.fixture(scope="module")
def settings(model_dir):
    return Settings(
        estimator="dice",
        engine="eager",
        precision="float32",
        model_dir=str(model_dir),
        network_threads=1,
    )


@pytest.fixture
def bag(moving_pictures, tmp_path):
    shots = film(moving_pictures[8:38]) + film(moving_pictures[30:36], "/second/image_raw")
    shots.sort(key=lambda shot: shot.stamp_ns)
    return write_bag2(tmp_path / "bag", shots)


@pytest.fixture
def replay(bag, asset_dir, settings, tmp_path):
    """``replay(name, stop_at=..., option=value)`` -> (job, output)."""

    def run(name, stop_at=1000, **options):
        out = tmp_path / name / "out.mcap"
        wanted = ReplayOptions((str(bag),), out, keep=(), **options)
        seen = []
        with ReplayJob(wanted, settings, lambda: Pipeline(asset_dir, settings)) as job:
            for outcome in job.run(lambda: len(seen) >= stop_at):
                seen.append(outcome)  # noqa: PERF402 - asked for its length meanwhile
        return job, out

    return run


@pytest.fixture
def batches(monkeypatch):
    """Sizes of the batches that the network gets."""
    sizes, run = [], DiceRunner._run

    def recorded(runner, cuts):
        sizes.append(len(cuts))
        return run(runner, cuts)

    monkeypatch.setattr(DiceRunner, "_run", recorded)
    return sizes


def test_any_number_of_workers_and_a_resumed_replay_give_the_same_bytes(replay, batches):
    job, one = replay("one", workers=1)
    assert job.summary.processed == 36
    assert all(account.is_balanced for account in job.summary.accounts)
    assert batches.count(2) >= 8  # kept messages count for windows, too
    _, three = replay("three", workers=3)
    replay("resumed", stop_at=30)
    job, resumed = replay("resumed", resume=True)
    assert job.resumed
    assert one.read_bytes() == three.read_bytes() == resumed.read_bytes()


def test_results_are_those_of_one_image_after_the_other(
    replay, asset_dir, settings, moving_pictures, bag
):
    _, out = replay("batched", topics=("/cam/image_raw",))
    found = [item for item in read_interactions(out) if item is not None and item.face is not None]
    pipeline = Pipeline(asset_dir, settings)
    expected = []
    for number, picture in enumerate(moving_pictures[8:38]):
        stamp_ns = 1_700_000_000_000_000_000 + number * 100_000_000
        for item in pipeline.process(Frame(picture, stamp_ns)).interactions:
            expected += [] if item.face is None else [item]
    pipeline.close()
    assert len(found) == len(expected) > 15
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.face.vertices, other.face.vertices, atol=2e-5)
        assert [hand.touch for hand in one.hands] == [hand.touch for hand in other.hands]


def test_a_batch_that_fails_is_computed_image_by_image(replay, monkeypatch):
    run, failed = DiceRunner._run, []

    def failing(runner, cuts):
        if len(cuts) > 1:
            failed.append(len(cuts))
            raise EstimationError("engine_failed", "too large")
        return run(runner, cuts)

    monkeypatch.setattr(DiceRunner, "_run", failing)
    job, _ = replay("failing")
    assert failed
    reasons = {reason for account in job.summary.accounts for reason in account.reasons}
    assert reasons <= {"engine_failed"}  # images with two hands need a batch of two
    assert job.summary.processed > 20
