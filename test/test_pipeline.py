import numpy as np
import pytest

from dice_ros.errors import AssetError, EstimationError, ImageError
from dice_ros.pipeline import TOTAL_STAGE, Pipeline
from dice_ros.replay.run_summary import RunSummary
from dice_ros.settings import Settings
from dice_ros.stopwatch import Stopwatch
from dice_ros.types import Frame


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (np.zeros((10, 10), np.uint8), "bad_image_array"),
        (np.zeros((10, 10, 4), np.uint8), "bad_image_array"),
        (np.zeros((10, 10, 3), np.float32), "bad_image_array"),
        (np.zeros((0, 10, 3), np.uint8), "zero_size"),
        (np.zeros((6000, 6000, 3), np.uint8), "too_many_pixels"),
    ],
)
def test_unusable_images_are_refused_with_a_reason(pipeline, image, reason):
    with pytest.raises(ImageError) as caught:
        pipeline.process(Frame(image, 1))
    assert caught.value.reason == reason


def test_stages_add_up_to_the_total(pipeline, astronaut):
    pipeline.reset()
    timings = {t.stage: t.duration_ms for t in pipeline.process(Frame(astronaut, 1)).timings}
    total = timings.pop(TOTAL_STAGE)
    assert 0.5 * total < sum(timings.values()) <= total


def test_changed_settings_are_used_from_the_next_frame_on(asset_dir, touching_render):
    frame, _ = touching_render
    pipeline = Pipeline(asset_dir, Settings(indentation_mm=0.0))

    def deepest():
        pipeline.reset()
        (person,) = pipeline.process(frame).interactions
        return np.linalg.norm(person.face.deformation, axis=1).max()

    shallow = deepest()
    pipeline.apply(Settings(indentation_mm=8.0))
    assert deepest() > shallow + 1e-3
    pipeline.close()


def test_several_people_are_each_an_interaction(asset_dir, astronaut):
    pipeline = Pipeline(asset_dir, Settings(max_persons=3))
    double = np.concatenate([astronaut, astronaut], axis=1)
    people = pipeline.process(Frame(double, 1)).interactions
    assert len({person.person_id for person in people}) == 2
    pipeline.close()


class FailsFor:
    """An estimator that is real but for some persons."""

    def __init__(self, estimator, person_ids):
        self.estimator, self.person_ids = estimator, person_ids

    def __getattr__(self, name):
        return getattr(self.estimator, name)

    def estimate(self, observation):
        if observation.person_id in self.person_ids:
            raise EstimationError("implausible_placement", "no head here")
        return self.estimator.estimate(observation)


def test_one_persons_failure_leaves_the_others(asset_dir, astronaut):
    pipeline = Pipeline(asset_dir, Settings(max_persons=3))
    double = np.concatenate([astronaut, astronaut], axis=1)
    everybody = pipeline.process(Frame(double, 1)).interactions
    lost, kept = (person.person_id for person in everybody)
    pipeline._estimator = FailsFor(pipeline._estimator, {lost})
    result = pipeline.process(Frame(double, 40_000_001))
    assert [person.person_id for person in result.interactions] == [kept]
    assert result.failures == ("implausible_placement",)
    summary = RunSummary()
    summary.add(result)
    assert summary.drops == {"person_implausible_placement": 1}
    pipeline._estimator.person_ids = {lost, kept}
    with pytest.raises(EstimationError, match="no head here"):
        pipeline.process(Frame(double, 80_000_001))
    pipeline.close()


def test_missing_assets_name_the_command(tmp_path):
    with pytest.raises(AssetError, match="dice-ros assets"):
        Pipeline(tmp_path)


def test_laps_of_the_same_name_add_up():
    watch = Stopwatch()
    for _ in range(3):
        watch.lap("a")
    watch.lap("b")
    assert [timing.stage for timing in watch.timings] == ["a", "b"]
    assert sum(timing.duration_ms for timing in watch.timings) <= watch.total_ms
