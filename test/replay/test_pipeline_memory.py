import os
import pickle
from collections import OrderedDict

import numpy as np
import pytest
from replay.recordings import EPOCH, PERIOD

from dice_ros.errors import InputError
from dice_ros.pipeline import Pipeline
from dice_ros.replay.pipeline_memory import packed, unpacked
from dice_ros.settings import Settings
from dice_ros.types import Frame


class Intruder:
    def __reduce__(self):
        return os.system, ("true",)


def test_a_pipeline_goes_on_where_another_was(asset_dir, pipeline, moving_pictures):
    frames = [
        Frame(picture, EPOCH + number * PERIOD)
        for number, picture in enumerate(moving_pictures[30:40])
    ]
    pipeline.reset()
    for frame in frames[:5]:
        pipeline.process(frame)
    memory = packed((pipeline.perception_memory(), pipeline.estimation_memory()))
    other = Pipeline(asset_dir)
    other.restore(*unpacked(memory))
    for frame in frames[5:]:
        one, two = pipeline.process(frame), other.process(frame)
        assert len(one.interactions) == len(two.interactions) == 1
        (ours,), (theirs,) = one.interactions, two.interactions
        assert ours.person_id == theirs.person_id
        np.testing.assert_array_equal(ours.face.vertices, theirs.face.vertices)
        for left, right in zip(ours.hands, theirs.hands, strict=True):
            np.testing.assert_array_equal(left.vertices, right.vertices)
    other.close()


def test_the_two_halves_give_what_the_whole_gives(asset_dir, pipeline, moving_pictures):
    pipeline.reset()
    halves = Pipeline(asset_dir)
    stamps = [EPOCH, EPOCH + PERIOD, EPOCH - PERIOD, EPOCH]  # jumps back on the way
    frames = [Frame(p, stamp) for p, stamp in zip(moving_pictures[30:34], stamps, strict=True)]
    ahead = [halves.perceive(frame) for frame in frames]
    assert [item.is_reset for item in ahead] == [False, False, True, False]
    for frame, perceived in zip(frames, ahead, strict=True):
        whole, half = pipeline.process(frame), halves.reconstruct(perceived)
        for ours, theirs in zip(whole.interactions, half.interactions, strict=True):
            np.testing.assert_array_equal(ours.face.vertices, theirs.face.vertices)
    halves.close()


@pytest.mark.parametrize("value", [Intruder(), OrderedDict(a=1), os.getcwd])
def test_nothing_but_memories_is_read(value):
    with pytest.raises(InputError, match="has no business"):
        unpacked(pickle.dumps(value))


def test_damaged_bytes_are_refused():
    with pytest.raises(InputError, match="cannot be read"):
        unpacked(b"\x80\x04junk")


def test_the_estimator_dice_goes_on_too(asset_dir, model_dir, moving_pictures):
    # One engine throughout: another gives the same numbers up to rounding only.
    settings = Settings(
        estimator="dice",
        model_dir=str(model_dir),
        device="cpu",
        engine="eager",
        precision="float32",
    )
    one, two = Pipeline(asset_dir, settings), Pipeline(asset_dir, settings)
    frames = [
        Frame(picture, EPOCH + number * PERIOD)
        for number, picture in enumerate(moving_pictures[4:8])
    ]
    for frame in frames[:2]:
        one.process(frame)
    two.restore(*unpacked(packed((one.perception_memory(), one.estimation_memory()))))
    for frame in frames[2:]:
        (ours,), (theirs,) = (pipe.process(frame).interactions for pipe in (one, two))
        np.testing.assert_array_equal(ours.face.vertices, theirs.face.vertices)
    one.close()
    two.close()
