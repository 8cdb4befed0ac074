"""The estimator interwild with stand-ins: everything but the meaning of the numbers."""

import dataclasses
import pickle
import shutil

import numpy as np
import pytest
from estimators.test_dice import HEIGHT, WIDTH, hand_landmarks, observe

from dice_ros.body.mano_pair import load_hands, save_hands
from dice_ros.checkpoints.weights_file import read_weights, write_weights
from dice_ros.errors import AssetError, EstimationError
from dice_ros.estimators.interwild.open_interwild import open_interwild
from dice_ros.estimators.interwild.where_to_look import view_of_hands, view_of_person
from dice_ros.pipeline import Pipeline
from dice_ros.settings import Settings
from dice_ros.stopwatch import Stopwatch
from dice_ros.types import (
    Box,
    ContactSource,
    DeformationSource,
    HandSide,
    ScaleSource,
    TouchDecision,
)

RIGHT_BOX, LEFT_BOX = Box(180.0, 200.0, 90.0, 80.0), Box(400.0, 220.0, 80.0, 90.0)
NEAR_BOX = Box(262.0, 210.0, 80.0, 80.0)
GAP_BOX = Box(290.0, 210.0, 80.0, 80.0)
"""Apart from the right hand, but not clearly."""
RIGHT, LEFT = HandSide.RIGHT, HandSide.LEFT


def open_with(folder, **values):
    settings = {"estimator": "interwild", "device": "cpu", "smoothing": False, **values}
    return open_interwild(Settings.from_mapping(settings), folder)


@pytest.fixture(scope="module")
def estimator(model_dir):
    opened = open_with(model_dir)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def looking(model_dir):
    """Finds boxes itself; random weights are never sure."""
    opened = open_with(model_dir, interwild_boxes="network", interwild_confidence_min=0.0)
    yield opened
    opened.close()


def observe_hands(picture, hands, **known):
    """Nobody's face is seen."""
    return dataclasses.replace(observe(picture, hands, **known), face=None)


def both(left=LEFT_BOX):
    return [hand_landmarks(RIGHT, RIGHT_BOX, 1), hand_landmarks(LEFT, left, 2)]


def test_everything_of_both_hands_is_there(estimator, picture, model_dir):
    found = estimator.estimate(observe_hands(picture, both()))
    assert found.face is None
    assert found.contacts == ()
    assert {hand.side for hand in found.hands} == set(HandSide)
    known = {topology.id for topology in estimator.topologies}
    hands = load_hands(model_dir / "mano_hands.npz")
    for hand in found.hands:
        assert (hand.vertices.shape, hand.joints.shape) == ((778, 3), (21, 3))
        assert (hand.hand_pose.shape, hand.betas.shape) == ((45,), (10,))
        for array in (hand.vertices, hand.joints, hand.hand_pose, hand.contact, hand.transl):
            assert array.dtype == np.float32
            assert np.isfinite(array).all()
        np.testing.assert_array_equal(hand.transl, hand.joints[0])
        assert hand.vertices[:, 2].min() > 0.05
        assert hand.confidence == pytest.approx(0.9)
        assert hand.touch is TouchDecision.NO_OVERLAP
        assert not hand.contact.any()
        assert hand.topology in known
        assert np.abs(hand.hand_pose - hands.of(hand.side).mean_pose).max() > 1e-3
    assert found.scale_source is ScaleSource.NETWORK
    assert found.contact_source is ContactSource.NONE
    assert found.deformation_source is DeformationSource.NONE
    assert {timing.stage for timing in found.timings} == {
        "interwild_network",
        "interwild_placement",
    }


@pytest.mark.parametrize("side", HandSide)
def test_one_hand_is_read_alone(estimator, picture, side):
    found = estimator.estimate(observe_hands(picture, [hand_landmarks(side, LEFT_BOX)]))
    assert [hand.side for hand in found.hands] == [side]


def test_without_hands_there_is_nothing_to_do(estimator, picture):
    found = estimator.estimate(observe(picture, []))
    assert found.hands == ()
    assert found.timings == ()


def test_a_hand_lies_where_it_was_seen(estimator, picture):
    observation = observe_hands(picture, both())
    for hand in estimator.estimate(observation).hands:
        # Its picture in the real camera is the network's own, but for perspective.
        pixels = observation.camera.project(hand.joints)
        box = RIGHT_BOX if hand.side is RIGHT else LEFT_BOX
        middle = np.array([box.x + box.width / 2, box.y + box.height / 2])
        assert np.abs(pixels.mean(axis=0) - middle).max() < 1.2 * max(box.width, box.height)


def test_interacting_hands_are_as_far_apart_as_the_network_says(estimator, picture):
    observation = observe_hands(picture, both(NEAR_BOX))
    view = view_of_hands(observation)
    seen = estimator._runner.run(observation.frame.image, view.canvas, view.boxes)
    read = estimator.read(observation, Stopwatch())
    assert read.together
    between = read.placed[LEFT].wrist - read.placed[RIGHT].wrist
    assert np.linalg.norm(between) == pytest.approx(np.linalg.norm(seen.relative), rel=1e-4)


def test_hands_that_part_go_on_interacting_for_a_while(estimator, picture):
    def together(left, is_new):
        return estimator.read(
            observe_hands(picture, both(left), is_new=is_new), Stopwatch()
        ).together

    assert not together(GAP_BOX, is_new=True)
    assert together(NEAR_BOX, is_new=False)
    assert together(GAP_BOX, is_new=False)
    assert not together(LEFT_BOX, is_new=False)
    assert not together(GAP_BOX, is_new=False)


def test_what_is_known_can_be_carried_to_another_estimator(estimator, model_dir, picture):
    estimator.read(observe_hands(picture, both(NEAR_BOX)), Stopwatch())
    other = open_with(model_dir)
    other.restore(pickle.loads(pickle.dumps(estimator.memory())))
    gap = observe_hands(picture, both(GAP_BOX), is_new=False)
    assert other.read(gap, Stopwatch()).together
    other.keep_only(frozenset())
    assert not other.read(gap, Stopwatch()).together
    other.close()


def test_smoothing_damps_a_jump(model_dir, picture):
    opened = open_with(model_dir, smoothing=True)
    moved = np.ascontiguousarray(np.roll(picture, 7, axis=1))
    first = opened.estimate(observe_hands(picture, both())).hands
    second = opened.estimate(
        observe_hands(moved, both(), stamp_ns=1_033_000_000, is_new=False)
    ).hands
    opened.reset()
    free = opened.estimate(observe_hands(moved, both())).hands
    for before, damped, wanted in zip(first, second, free, strict=True):
        jump = np.abs(wanted.vertices - before.vertices).max()
        assert 0.0 < np.abs(damped.vertices - before.vertices).max() < jump
    opened.close()


def test_its_own_network_finds_both_hands_and_names_them(looking, picture):
    found = looking.estimate(observe(picture, []))
    assert {hand.side for hand in found.hands} == set(HandSide)
    for hand in found.hands:
        assert 0.0 < hand.confidence < 0.5
        assert hand.box.width > 0


def test_hands_that_the_network_is_not_sure_of_are_left_out(looking, picture):
    sure = Settings.from_mapping(
        {"smoothing": False, "interwild_boxes": "network", "interwild_confidence_min": 0.9}
    )
    before = Settings.from_mapping(
        {"smoothing": False, "interwild_boxes": "network", "interwild_confidence_min": 0.0}
    )
    looking.apply(sure)
    try:
        assert looking.estimate(observe(picture, both())).hands == ()
    finally:
        looking.apply(before)


def test_the_view_of_hands_fills_the_canvas_with_them(picture):
    view = view_of_hands(observe_hands(picture, both()))
    canvas = view.canvas.box
    assert canvas.x <= 180 - 45
    assert canvas.x + canvas.width >= 480 + 45
    assert canvas.width / canvas.height == pytest.approx(0.75)
    np.testing.assert_allclose(view.boxes[RIGHT], [171.0, 192.0, 279.0, 288.0])


def test_the_view_of_a_person_reaches_around_the_face(picture):
    view = view_of_person(observe(picture, []))
    assert view.boxes is None
    assert view.canvas.box.height > 400
    whole = view_of_person(observe_hands(picture, [])).canvas.box
    assert whole.width > WIDTH
    assert whole.height > HEIGHT


def test_stand_ins_are_never_called_interwild(estimator):
    assert estimator.name == "synthetic"
    assert all(topology.id.startswith("synthetic-") for topology in estimator.topologies)
    assert "eager" in estimator.status["interwild_engine"]


def test_real_weights_and_hands_are_called_interwild(model_dir, tmp_path, picture):
    """The same numbers without the marks of stand-ins."""
    weights = read_weights(model_dir / "interwild.safetensors")
    origin = dataclasses.replace(weights.origin, synthetic=False)
    write_weights(tmp_path / "interwild.safetensors", weights.tensors, origin)
    hands = load_hands(model_dir / "mano_hands.npz")
    save_hands(tmp_path / "mano_hands.npz", dataclasses.replace(hands, synthetic=False))
    opened = open_with(tmp_path)
    assert opened.estimate(observe(picture, both())).source == "interwild"
    assert [item.id for item in opened.topologies] == ["mano-right-778", "mano-left-778"]
    shutil.copy(model_dir / "mano_hands.npz", tmp_path)
    assert open_with(tmp_path).name == "synthetic"


def test_missing_models_are_named(tmp_path):
    with pytest.raises(AssetError, match=r"interwild.safetensors and mano_hands.npz not found"):
        open_with(tmp_path)


def test_numbers_that_are_none_are_an_error_of_the_frame(model_dir, picture, tmp_path):
    shutil.copy(model_dir / "mano_hands.npz", tmp_path)
    weights = read_weights(model_dir / "interwild.safetensors")
    # Finite, but not what comes of it.
    weights.tensors["hand_roi_net.backbone.conv1.weight"][:] = 3e38
    write_weights(tmp_path / "interwild.safetensors", weights.tensors, weights.origin)
    opened = open_with(tmp_path)
    with pytest.raises(EstimationError, match="NaN or infinity") as raised:
        opened.estimate(observe(picture, both()))
    assert raised.value.reason == "non_finite_output"


def test_a_pipeline_runs_it(model_dir, asset_dir, touching_render):
    settings = Settings.from_mapping(
        {"estimator": "interwild", "device": "cpu", "model_dir": str(model_dir)}
    )
    pipeline = Pipeline(asset_dir, settings)
    result = pipeline.process(touching_render[0])
    (person,) = result.interactions
    assert person.source == "synthetic"
    assert person.face is None
    assert person.hands
    assert "interwild_network" in {timing.stage for timing in result.timings}
    pipeline.close()
