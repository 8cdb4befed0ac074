import dataclasses

import numpy as np

from dice_ros.estimators.landmark_fit.person_memory import HandScaleAverage, IdentityAverage
from dice_ros.estimators.landmark_fit.touch_decision import TouchModel
from dice_ros.types import (
    ContactSource,
    DeformationSource,
    Frame,
    HandSide,
    ScaleSource,
    TouchDecision,
)


def test_the_photograph_has_a_face_and_nothing_else(pipeline, astronaut):
    pipeline.reset()
    result = pipeline.process(Frame(astronaut, 1))
    (person,) = result.interactions
    assert person.hands == ()
    assert person.contacts == ()
    assert not person.face.contact.any()
    assert not person.face.deformation.any()
    assert person.face.fit_rms_px < 2.0
    assert person.face.pose.translation[2] > 0.3
    assert person.camera.assumed
    assert person.deformation_source is DeformationSource.NONE
    assert person.scale_source in (ScaleSource.POPULATION_MEAN, ScaleSource.PERSON_AVERAGE)


def test_a_touching_render_is_a_touch_on_the_right_place(pipeline, touching_render, open_head):
    frame, truth = touching_render
    assert truth.contact.any()
    pipeline.reset()
    (person,) = pipeline.process(frame).interactions
    (hand,) = person.hands
    assert hand.side is HandSide.RIGHT
    assert hand.touch is TouchDecision.CONTACT
    assert person.contact_source is ContactSource.PROXIMITY_PRIOR
    assert person.deformation_source is DeformationSource.INDENTATION_PRIOR
    true_place = truth.vertices[truth.contact].mean(axis=0)
    found_place = person.face.vertices[person.face.contact > 0.5].mean(axis=0)
    assert np.linalg.norm(found_place - true_place) < 0.04
    regions = {contact.face_region for contact in person.contacts}
    assert regions & {"right_cheek", "right_cheekbone", "right_jaw", "lower_lip", "right_nostril"}
    moved = np.linalg.norm(person.face.deformation, axis=1)
    assert 2e-4 < moved.max() < 1e-2
    np.testing.assert_array_equal(moved[~open_head.movable], 0.0)


def test_arrays_have_the_stated_shapes_and_are_finite(pipeline, touching_render):
    pipeline.reset()
    (person,) = pipeline.process(touching_render[0]).interactions
    by_id = {topology.id: topology for topology in pipeline.topologies}
    face = person.face
    count = by_id[face.topology].vertex_count
    assert face.vertices.shape == face.deformation.shape == (count, 3)
    assert face.contact.shape == (count,)
    for hand in person.hands:
        hand_count = by_id[hand.topology].vertex_count
        assert hand.vertices.shape == (hand_count, 3)
        assert hand.joints.shape == (21, 3)
        assert hand.contact.shape == (hand_count,)
    for item in (face, *person.hands):
        for field in dataclasses.fields(item):
            value = getattr(item, field.name)
            if isinstance(value, np.ndarray):
                assert value.dtype == np.float32, field.name
                assert np.isfinite(value).all(), field.name
    assert (face.contact >= 0).all()
    assert (face.contact <= 1).all()


def test_the_same_frames_give_the_same_numbers(pipeline, demo_clip):
    frames = [demo_clip.frame(index)[0] for index in (40, 41, 42)]
    runs = []
    for _ in range(2):
        pipeline.reset()
        runs.append([pipeline.process(frame).interactions[0] for frame in frames])
    for first, second in zip(*runs, strict=True):
        np.testing.assert_array_equal(first.face.vertices, second.face.vertices)
        np.testing.assert_array_equal(first.face.contact, second.face.contact)
        for one, other in zip(first.hands, second.hands, strict=True):
            np.testing.assert_array_equal(one.vertices, other.vertices)


def test_a_mirrored_picture_gives_the_other_hand(pipeline, touching_render):
    frame, _ = touching_render
    mirrored = np.ascontiguousarray(frame.image[:, ::-1])
    pipeline.reset()
    (person,) = pipeline.process(dataclasses.replace(frame, image=mirrored)).interactions
    (hand,) = person.hands
    assert hand.side is HandSide.LEFT
    assert hand.topology == "mh-hand-left-1611"
    assert hand.touch is TouchDecision.CONTACT


def test_identity_settles_the_more_frames_there_are():
    average = IdentityAverage()
    assert not average.is_personal
    rng = np.random.default_rng(0)
    true = rng.normal(size=40)
    for _ in range(60):
        average.learn(true + rng.normal(0, 0.5, 40))
    assert np.abs(average.prior.mean - true).max() < 0.5
    assert average.prior.precision > 50


def test_hand_size_is_learned_slowly_and_never_frozen():
    scale = HandScaleAverage()
    scale.learn(0.1, 1.0)
    assert abs(scale.prior.mean) < 0.02
    for _ in range(500):
        scale.learn(0.1, 1.0)
    assert abs(scale.prior.mean - 0.1) < 0.01
    for _ in range(500):
        scale.learn(0.0, 1.0)
    assert scale.prior.mean < 0.03


def test_the_farther_the_hand_the_less_it_touches():
    model = TouchModel()
    chances = [model.probability(ratio, 0.04) for ratio in (-0.2, 0.0, 0.05, 0.1, 0.2)]
    assert chances == sorted(chances, reverse=True)
    assert chances[0] > 0.9
    assert chances[-1] < 0.2
    assert model.probability(float("nan"), 0.04) == 0.0
    assert model.decide(0.9, 0.0) is TouchDecision.NO_OVERLAP
