"""Recordings through the networks for two hands."""

import pytest

pytest.importorskip("torch", reason="InterWild needs PyTorch: pip install torch smplx safetensors")

from replay.recordings import film, write_bag2

from dice_ros.pipeline import Pipeline
from dice_ros.replay.replay_job import ReplayJob, ReplayOptions
from dice_ros.replay.results_reader import read_interactions, read_topologies
from dice_ros.settings import Settings


@pytest.mark.parametrize("estimator", ["interwild", "dice+interwild"])
def test_a_recording_is_replayed_to_the_same_bytes(
    estimator, model_dir, asset_dir, moving_pictures, tmp_path
):
    bag = write_bag2(tmp_path / "bag", film(moving_pictures[34:44]))
    settings = Settings(
        estimator=estimator,
        engine="eager",
        precision="float32",
        model_dir=str(model_dir),
        network_threads=1,
    )
    files = []
    for workers in (1, 2):
        files.append(tmp_path / str(workers) / "out.mcap")
        options = ReplayOptions((str(bag),), files[-1], workers=workers)
        with ReplayJob(options, settings, lambda: Pipeline(asset_dir, settings)) as job:
            outcomes = list(job.run(lambda: False))
        assert len(outcomes) == job.summary.processed == 10
    assert files[0].read_bytes() == files[1].read_bytes()
    known = set(read_topologies(files[0]))
    found = [item for item in read_interactions(files[0]) if item is not None]
    hands = [hand for item in found for hand in item.hands]
    assert hands
    assert {hand.topology for hand in hands} <= known
    assert {item.source for item in found} == {"synthetic"}
