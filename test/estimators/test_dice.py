"""The estimator dice with stand-ins: everything but the meaning of the numbers."""

import dataclasses
import shutil

import numpy as np
import pytest

pytest.importorskip("torch", reason="DICE needs PyTorch: pip install torch smplx safetensors")
pytest.importorskip("smplx", reason="the bodies need smplx: pip install torch smplx safetensors")

from dice_ros.body.dice_bodies import load_bodies, save_bodies
from dice_ros.body.head_mirror import head_mirror
from dice_ros.body.mesh_mirror import mirror_permutation
from dice_ros.body.open_head import OpenHead
from dice_ros.camera import Camera
from dice_ros.checkpoints.weights_file import read_weights, write_weights
from dice_ros.engine.device import choose_device
from dice_ros.errors import AssetError, EstimationError
from dice_ros.estimators.dice.crop_meshes import LEFT_RIGHT_LANDMARKS
from dice_ros.estimators.dice.open_dice import open_dice
from dice_ros.pipeline import Pipeline
from dice_ros.settings import Settings
from dice_ros.types import (
    Box,
    ContactSource,
    DeformationSource,
    FaceLandmarks,
    Frame,
    HandLandmarks,
    HandSide,
    PersonObservation,
    ScaleSource,
    TouchDecision,
)

WIDTH, HEIGHT = 640, 480
MIRROR = np.array([-1.0, 1.0, 1.0])
FACE = Box(250.0, 150.0, 90.0, 120.0)
HAND = Box(330.0, 220.0, 80.0, 90.0)


@pytest.fixture(scope="module")
def estimator(model_dir, asset_dir):
    return open_estimator(model_dir, asset_dir, smoothing=False)


def open_estimator(folder, asset_dir, **values):
    settings = Settings.from_mapping(
        {"estimator": "dice", "device": "cpu", "engine": "eager", "precision": "float32", **values}
    )
    return open_dice(settings, folder, OpenHead.load(asset_dir / "head.npz"))


@pytest.fixture(scope="module")
def picture():
    generator = np.random.default_rng(3)
    coarse = generator.integers(0, 255, (HEIGHT // 20, WIDTH // 20, 3), dtype=np.uint8)
    return coarse.repeat(20, 0).repeat(20, 1)


def flipped(box):
    return Box(WIDTH - box.x - box.width, box.y, box.width, box.height)


def hand_landmarks(side, box, track_id=1):
    points = np.zeros((21, 3), dtype=np.float32)
    return HandLandmarks(points, points, 0.9, 0.9, side, box, track_id)


def observe(picture, hands, face=FACE, stamp_ns=1_000_000_000, is_new=True):
    landmarks = FaceLandmarks(
        np.zeros((478, 3), dtype=np.float32), 0.95, np.zeros(52, dtype=np.float32), face
    )
    frame = Frame(np.ascontiguousarray(picture), stamp_ns)
    camera = Camera.assume(WIDTH, HEIGHT)
    return PersonObservation(frame, camera, 1, is_new, landmarks, tuple(hands))


def test_everything_of_the_interaction_is_there(estimator, picture):
    found = estimator.estimate(observe(picture, [hand_landmarks(HandSide.RIGHT, HAND)]))
    face, (hand,) = found.face, found.hands
    assert face.vertices.shape == face.deformation.shape == (5023, 3)
    assert face.contact.shape == (5023,)
    assert face.landmarks.shape == (68, 3)
    assert (face.betas.shape, face.expression.shape) == ((100,), (50,))
    assert (hand.vertices.shape, hand.contact.shape) == ((778, 3), (778,))
    assert (hand.joints.shape, hand.hand_pose.shape, hand.betas.shape) == ((21, 3), (45,), (10,))
    for array in (face.vertices, face.deformation, face.contact, hand.vertices, hand.contact):
        assert array.dtype == np.float32
        assert np.isfinite(array).all()
    assert 0.0 <= face.contact.min() <= face.contact.max() <= 1.0
    np.testing.assert_array_equal(hand.transl, hand.joints[0])
    assert found.scale_source is ScaleSource.NETWORK
    assert found.contact_source is ContactSource.NETWORK
    assert found.deformation_source is DeformationSource.NETWORK
    assert hand.touch is TouchDecision.CONTACT
    assert {timing.stage for timing in found.timings} >= {"dice_network", "contact"}


def test_stand_ins_are_never_called_dice(estimator, picture):
    found = estimator.estimate(observe(picture, []))
    assert estimator.name == found.source == "synthetic"
    for topology in estimator.topologies:
        assert topology.id.startswith("synthetic-")
        assert "synthetic" in topology.licence


def test_real_weights_and_bodies_are_called_dice(model_dir, asset_dir, tmp_path):
    """The same numbers without the marks of stand-ins."""
    weights = read_weights(model_dir / "dice.safetensors")
    origin = dataclasses.replace(weights.origin, synthetic=False)
    write_weights(tmp_path / "dice.safetensors", weights.tensors, origin)
    bodies = load_bodies(model_dir / "dice_bodies.npz")
    save_bodies(tmp_path / "dice_bodies.npz", dataclasses.replace(bodies, synthetic=False))
    opened = open_estimator(tmp_path, asset_dir)
    assert opened.name == "dice"
    ids = [topology.id for topology in opened.topologies]
    assert ids == ["flame-5023", "mano-right-778", "mano-left-778"]
    assert all("non-commercial" in topology.licence for topology in opened.topologies)
    # One stand-in is enough to lose the name.
    shutil.copy(model_dir / "dice.safetensors", tmp_path / "dice.safetensors")
    assert open_estimator(tmp_path, asset_dir).name == "synthetic"


def test_a_left_hand_is_a_right_one_in_the_mirror(estimator, model_dir, picture):
    flame = load_bodies(model_dir / "dice_bodies.npz").flame
    partner = mirror_permutation(flame.template, flame.triangles)
    right = estimator.estimate(observe(picture, [hand_landmarks(HandSide.RIGHT, HAND)]))
    left = estimator.estimate(
        observe(picture[:, ::-1], [hand_landmarks(HandSide.LEFT, flipped(HAND))], flipped(FACE))
    )
    face, other = right.face, left.face
    np.testing.assert_allclose(other.vertices[partner], face.vertices * MIRROR, atol=2e-5)
    np.testing.assert_allclose(other.deformation[partner], face.deformation * MIRROR, atol=1e-6)
    np.testing.assert_allclose(other.contact[partner], face.contact, atol=1e-5)
    np.testing.assert_allclose(
        other.landmarks[LEFT_RIGHT_LANDMARKS], face.landmarks * MIRROR, atol=2e-5
    )
    hand, other_hand = right.hands[0], left.hands[0]
    np.testing.assert_allclose(other_hand.vertices, hand.vertices * MIRROR, atol=2e-5)
    np.testing.assert_allclose(other_hand.joints, hand.joints * MIRROR, atol=2e-5)
    np.testing.assert_array_equal(other_hand.contact, hand.contact)
    turned = hand.global_orient * (1, -1, -1)
    np.testing.assert_allclose(other_hand.global_orient, turned, atol=1e-4)


def test_a_left_hand_does_not_mirror_the_head(estimator, picture):
    """Its crop is mirrored, its head is turned back: the person's left stays left."""
    left = estimator.estimate(observe(picture, [hand_landmarks(HandSide.LEFT, HAND)]))
    right = estimator.estimate(observe(picture, [hand_landmarks(HandSide.RIGHT, HAND)]))
    eyes = [found.face.landmarks[[36, 45], 0] for found in (left, right)]
    assert np.sign(eyes[0][1] - eyes[0][0]) == np.sign(eyes[1][1] - eyes[1][0])
    assert np.linalg.det(left.face.pose.rotation) == pytest.approx(1.0)


def test_both_hands_are_one_batch_around_one_head(estimator, picture):
    other = Box(190.0, 230.0, 70.0, 90.0)
    hands = [hand_landmarks(HandSide.RIGHT, HAND), hand_landmarks(HandSide.LEFT, other, 2)]
    both = estimator.estimate(observe(picture, hands))
    assert {hand.side for hand in both.hands} == {HandSide.LEFT, HandSide.RIGHT}
    alone = [estimator.estimate(observe(picture, [hand])) for hand in hands]
    for single in alone:
        side = single.hands[0].side
        hand = next(item for item in both.hands if item.side is side)
        # Relative to the head, each hand is where it is alone.
        undeformed = [item.face.vertices - item.face.deformation for item in (both, single)]
        centres = [vertices.mean(axis=0) for vertices in undeformed]
        np.testing.assert_allclose(
            hand.vertices - centres[0], single.hands[0].vertices - centres[1], atol=1e-4
        )
        np.testing.assert_allclose(hand.contact, single.hands[0].contact, atol=1e-5)
    expected = np.maximum(alone[0].face.contact, alone[1].face.contact)
    np.testing.assert_allclose(both.face.contact, expected, atol=1e-5)


def test_a_face_alone_is_reconstructed_without_hands(estimator, picture):
    found = estimator.estimate(observe(picture, []))
    assert found.face is not None
    assert found.hands == found.contacts == ()


def test_hands_without_a_face_have_no_result(estimator, picture):
    observation = observe(picture, [hand_landmarks(HandSide.RIGHT, HAND)])
    found = estimator.estimate(dataclasses.replace(observation, face=None))
    assert found.face is None
    assert found.hands == ()


def test_contacts_name_parts_and_regions_of_the_touching_hand(model_dir, asset_dir, picture):
    estimator = open_estimator(model_dir, asset_dir, smoothing=False, contact_probability_min=0.2)
    found = estimator.estimate(observe(picture, [hand_landmarks(HandSide.RIGHT, HAND)]))
    assert found.contacts
    head, right, _ = estimator.topologies
    touched = (found.face.contact >= np.float32(0.2)).sum()
    assert sum(contact.face_vertex_count for contact in found.contacts) == touched
    for contact in found.contacts:
        assert contact.side is HandSide.RIGHT
        assert contact.face_region in head.region_names
        assert contact.hand_part in right.region_names


def test_free_meshes_are_selectable(model_dir, asset_dir, tmp_path, picture):
    """A camera that any mesh of a head's size fits: the stand-ins' own is only good for one."""
    folder = with_camera(model_dir, tmp_path, 2.0, 112.0, 112.0)
    meshes = {
        kind: open_estimator(folder, asset_dir, smoothing=False, dice_meshes=kind)
        .estimate(observe(picture, []))
        .face.vertices
        for kind in ("parametric", "free")
    }
    assert np.abs(meshes["free"] - meshes["parametric"]).max() > 1e-3


class SaysPresence:
    """The runner, but for how sure it is of each crop's hand."""

    def __init__(self, runner, *presence):
        self.runner, self.presence = runner, presence

    def run(self, cuts):
        found = self.runner.run(cuts)
        return [
            dataclasses.replace(meshes, presence=presence)
            for meshes, presence in zip(found, self.presence, strict=True)
        ]


@pytest.fixture
def saying(model_dir, asset_dir):
    """An estimator whose presences a test sets."""
    made = open_estimator(model_dir, asset_dir, smoothing=False)
    made._runner = SaysPresence(made._runner)
    return made


OTHER_HAND = Box(190.0, 230.0, 70.0, 90.0)
BOTH = (hand_landmarks(HandSide.RIGHT, HAND), hand_landmarks(HandSide.LEFT, OTHER_HAND, 2))


def estimate_saying(estimator, picture, *presence, hands=BOTH, is_new=False):
    estimator._runner.presence = presence
    return estimator.estimate(observe(picture, hands, is_new=is_new))


def test_a_hand_nobody_saw_neither_touches_nor_presses(saying, picture):
    found = estimate_saying(saying, picture, 0.99, hands=())
    assert not found.face.contact.any()
    assert not found.face.deformation.any()
    assert found.contact_source is ContactSource.NONE
    assert found.deformation_source is DeformationSource.NONE


def test_a_hand_that_does_not_touch_has_no_contact(saying, picture):
    found = estimate_saying(saying, picture, 0.5, hands=BOTH[:1])
    assert found.hands[0].touch is TouchDecision.NO_CONTACT
    assert found.hands[0].contact_presence == 0.5
    assert not found.hands[0].contact.any()
    assert not found.face.contact.any()
    assert not found.face.deformation.any()
    assert found.contacts == ()


def test_the_face_is_touched_by_touching_hands_alone(saying, picture):
    both = estimate_saying(saying, picture, 0.9, 0.2, is_new=True)
    alone = estimate_saying(saying, picture, 0.9, hands=BOTH[:1], is_new=True)
    assert alone.face.contact.any()
    np.testing.assert_allclose(both.face.contact, alone.face.contact, atol=1e-5)
    assert both.hands[0].contact.any()
    assert not both.hands[1].contact.any()


def test_the_head_does_not_jump_between_hands_of_like_presence(saying, picture):
    def head(*presence, is_new=False):
        found = estimate_saying(saying, picture, *presence, is_new=is_new)
        return found.face.vertices - found.face.deformation

    left, right = head(0.7, 0.8, is_new=True), head(0.8, 0.7, is_new=True)
    assert np.abs(left - right).max() > 1e-3
    for presence in ((0.74, 0.80), (0.75, 0.84), (0.90, 0.60), (0.60, 0.69)):
        np.testing.assert_allclose(head(*presence), right, atol=1e-6)
    np.testing.assert_allclose(head(0.60, 0.75), left, atol=1e-6)
    np.testing.assert_allclose(head(0.80, 0.75), left, atol=1e-6)


def test_hands_are_in_the_order_they_were_seen(saying, picture):
    for presence in ((0.9, 0.1), (0.1, 0.9)):
        found = estimate_saying(saying, picture, *presence, is_new=True)
        assert [hand.side for hand in found.hands] == [HandSide.RIGHT, HandSide.LEFT]


def test_the_parameters_of_a_left_hands_head_describe_that_head(estimator, model_dir, picture):
    """As well as the basis allows: better than the mirrored head's own parameters do."""
    flame = load_bodies(model_dir / "dice_bodies.npz").flame
    mirror = head_mirror(flame)
    right = estimator.estimate(observe(picture, [hand_landmarks(HandSide.RIGHT, HAND)])).face
    left = estimator.estimate(
        observe(picture[:, ::-1], [hand_landmarks(HandSide.LEFT, flipped(HAND))], flipped(FACE))
    ).face

    def shape(face):
        weights = np.concatenate([face.betas, face.expression])
        return flame.template + flame.shape_directions @ weights

    wanted = shape(right)[mirror.partner] * MIRROR
    assert np.abs(shape(left) - wanted).mean() < 0.9 * np.abs(shape(right) - wanted).mean()


def test_the_hands_rotation_is_smoothed_with_its_mesh(model_dir, asset_dir, picture):
    hands = [hand_landmarks(HandSide.RIGHT, HAND)]
    other = picture[::-1]
    turned = []
    for smoothing in (False, True):
        made = open_estimator(model_dir, asset_dir, smoothing=smoothing, smoothing_beta=0.0)
        first = made.estimate(observe(picture, hands)).hands[0].global_orient
        second = made.estimate(observe(other, hands, stamp_ns=1_020_000_000, is_new=False))
        turned.append(np.linalg.norm(second.hands[0].global_orient - first))
    assert 0 < turned[1] < 0.5 * turned[0]


def second_frame(estimator, picture, between):
    """How far a person's head moves in a second frame, after something happened in between."""
    first = estimator.estimate(observe(picture, []))
    between(estimator)
    moved = dataclasses.replace(FACE, x=FACE.x + 60)
    second = estimator.estimate(observe(picture, [], moved, 1_010_000_000, is_new=False))
    return float(np.abs(second.face.vertices - first.face.vertices).mean())


def test_forgotten_persons_start_unsmoothed(model_dir, asset_dir, picture):
    made = open_estimator(model_dir, asset_dir, smoothing=True, smoothing_beta=0.0)
    kept = second_frame(made, picture, lambda known: known.keep_only(frozenset({1, 7})))
    left = second_frame(made, picture, lambda known: known.keep_only(frozenset({7})))
    reset = second_frame(made, picture, lambda known: known.reset())
    assert 0 < kept < 0.5 * left
    assert left == reset


def test_two_persons_are_smoothed_apart(model_dir, asset_dir, picture):
    """Frames of two persons in turn give what each gives alone."""
    together, alone = (
        open_estimator(model_dir, asset_dir, smoothing=True, smoothing_beta=0.0) for _ in range(2)
    )
    other_face = dataclasses.replace(FACE, x=FACE.x + 150)
    for step in range(2):
        shift = 20.0 * step
        stamp_ns = 1_000_000_000 + step * 20_000_000
        faces = [dataclasses.replace(face, x=face.x + shift) for face in (FACE, other_face)]
        persons = [
            dataclasses.replace(observe(picture, [], face, stamp_ns, step == 0), person_id=number)
            for number, face in enumerate(faces, 1)
        ]
        both = [together.estimate(person) for person in persons]
        single = alone.estimate(persons[0])
        assert [found.person_id for found in both] == [1, 2]
        np.testing.assert_array_equal(both[0].face.vertices, single.face.vertices)
        assert np.abs(both[1].face.vertices - single.face.vertices).max() > 0.01


def test_smoothing_follows_the_stamps(model_dir, asset_dir, picture):
    """After a jump in the picture, a longer step between stamps goes farther towards the new."""
    moved = dataclasses.replace(FACE, x=FACE.x + 60)
    gone = []
    for step_ns in (10_000_000, 100_000_000):
        estimator = open_estimator(model_dir, asset_dir, smoothing=True, smoothing_beta=0.0)
        first = estimator.estimate(observe(picture, []))
        second = estimator.estimate(
            observe(picture, [], moved, 1_000_000_000 + step_ns, is_new=False)
        )
        gone.append(np.abs(second.face.vertices - first.face.vertices).mean())
    assert 0 < gone[0] < 0.5 * gone[1]


def test_a_new_person_starts_unsmoothed(model_dir, asset_dir, picture, estimator):
    smoothed = open_estimator(model_dir, asset_dir, smoothing=True)
    hands = [hand_landmarks(HandSide.RIGHT, HAND)]
    smoothed.estimate(observe(picture, hands))
    moved = dataclasses.replace(FACE, x=FACE.x + 40)
    again = smoothed.estimate(observe(picture, hands, moved, 1_010_000_000, is_new=True))
    plain = estimator.estimate(observe(picture, hands, moved, 1_010_000_000))
    np.testing.assert_allclose(again.face.vertices, plain.face.vertices, atol=1e-6)


def test_the_same_input_gives_the_same_bits(estimator, picture):
    observation = observe(picture, [hand_landmarks(HandSide.RIGHT, HAND)])
    first, second = estimator.estimate(observation), estimator.estimate(observation)
    np.testing.assert_array_equal(first.face.vertices, second.face.vertices)
    np.testing.assert_array_equal(first.hands[0].vertices, second.hands[0].vertices)


def test_placed_meshes_lie_on_the_crop_that_they_came_from(estimator, picture):
    found = estimator.estimate(observe(picture, [hand_landmarks(HandSide.RIGHT, HAND)]))
    camera = found.camera
    centre = camera.project(found.face.vertices.mean(axis=0, keepdims=True).astype(np.float64))[0]
    assert np.hypot(*(centre - (330, 230))) < 60
    assert 0.3 < found.face.vertices[:, 2].mean() < 3.0


def damaged(model_dir, tmp_path, name, change):
    """A copy of the models with one tensor changed."""
    shutil.copy(model_dir / "dice_bodies.npz", tmp_path / "dice_bodies.npz")
    weights = read_weights(model_dir / "dice.safetensors")
    tensors = {key: np.array(value) for key, value in weights.tensors.items()}
    tensors[name] = change(tensors[name])
    write_weights(tmp_path / "dice.safetensors", tensors, weights.origin)
    return tmp_path


def with_nan(array):
    array.flat[0] = np.nan
    return array


def test_weights_with_nan_are_refused_by_name(model_dir, asset_dir, tmp_path):
    folder = damaged(model_dir, tmp_path, "feat_downsampler.weight", with_nan)
    with pytest.raises(AssetError, match=r"not finite: feat_downsampler\.weight"):
        open_estimator(folder, asset_dir)


def test_weights_of_the_wrong_shape_are_refused_by_name(model_dir, asset_dir, tmp_path):
    folder = damaged(model_dir, tmp_path, "hand_upsampling.weight", lambda array: array[:700])
    with pytest.raises(AssetError, match=r"hand_upsampling\.weight \(700, 195\).*\(778, 195\)"):
        open_estimator(folder, asset_dir)


def test_an_output_that_is_not_finite_drops_the_frame(model_dir, asset_dir, tmp_path, picture):
    def exploding(array):
        return np.full_like(array, 3e38)

    folder = damaged(model_dir, tmp_path, "head_contact_upsampling2.weight", exploding)
    folder = damaged(model_dir, tmp_path, "cam_param_fc3.weight", exploding)
    with pytest.raises(EstimationError, match="NaN or infinity") as raised:
        open_estimator(folder, asset_dir).estimate(observe(picture, []))
    assert raised.value.reason == "non_finite_output"


def with_camera(model_dir, tmp_path, *camera):
    """A copy of the models whose network always says the same scale and shift."""
    folder = damaged(model_dir, tmp_path, "cam_param_fc3.weight", np.zeros_like)
    read = read_weights(folder / "dice.safetensors")
    tensors = {key: np.array(value) for key, value in read.tensors.items()}
    tensors["cam_param_fc3.bias"][:] = camera
    write_weights(folder / "dice.safetensors", tensors, read.origin)
    return folder


@pytest.mark.parametrize(
    "camera",
    [
        pytest.param((1e-6, 112.0, 112.0), id="far beyond"),
        pytest.param((2000.0, 112.0, 112.0), id="inside the camera"),
        pytest.param((1e15, 112.0, 112.0), id="no distance at all"),
        pytest.param((25.0, 1e7, 112.0), id="far aside"),
        pytest.param((700.0, 112.0, 112.0), id="around the camera"),
    ],
)
@pytest.mark.parametrize("hands", [(), (hand_landmarks(HandSide.RIGHT, HAND),)])
def test_an_implausible_camera_drops_the_person(
    model_dir, asset_dir, tmp_path, picture, camera, hands
):
    folder = with_camera(model_dir, tmp_path, *camera)
    with pytest.raises(EstimationError, match="crop pixels a metre") as raised:
        open_estimator(folder, asset_dir).estimate(observe(picture, hands))
    assert raised.value.reason == "implausible_placement"


@pytest.mark.parametrize("missing", ["dice.safetensors", "dice_bodies.npz"])
def test_missing_files_are_named_with_what_to_do(model_dir, asset_dir, tmp_path, missing):
    shutil.copytree(model_dir, tmp_path / "models")
    (tmp_path / "models" / missing).unlink()
    with pytest.raises(AssetError, match=rf"{missing} not found in .*Use DICE"):
        open_estimator(tmp_path / "models", asset_dir)


@pytest.mark.parametrize("name", ["dice.safetensors", "dice_bodies.npz"])
def test_truncated_files_are_refused(model_dir, asset_dir, tmp_path, name):
    shutil.copytree(model_dir, tmp_path / "models")
    path = tmp_path / "models" / name
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(AssetError, match=name):
        open_estimator(tmp_path / "models", asset_dir)


def test_bodies_of_the_wrong_topology_are_refused(model_dir, asset_dir, tmp_path):
    shutil.copytree(model_dir, tmp_path / "models")
    bodies = load_bodies(model_dir / "dice_bodies.npz")
    flame = dataclasses.replace(bodies.flame, template=bodies.flame.template[:5000])
    save_bodies(tmp_path / "models" / "dice_bodies.npz", dataclasses.replace(bodies, flame=flame))
    with pytest.raises(AssetError, match=r"flame\.template.*\(5000, 3\).*\(5023, 3\)"):
        open_estimator(tmp_path / "models", asset_dir)


def test_a_gpu_that_is_not_there_is_an_error_that_says_so():
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    assert choose_device("auto").type == "cpu"
    with pytest.raises(AssetError, match="sees no GPU"):
        choose_device("cuda")


def test_the_pipeline_runs_it_on_a_render(model_dir, asset_dir, touching_render):
    frame, _ = touching_render
    settings = Settings.from_mapping(
        {"estimator": "dice", "model_dir": str(model_dir), "engine": "eager"}
    )
    pipeline = Pipeline(asset_dir, settings)
    result = pipeline.process(frame)
    pipeline.close()
    (found,) = result.interactions
    assert found.source == "synthetic"
    assert found.face.vertices.shape == (5023, 3)
    assert [hand.side for hand in found.hands] == [HandSide.RIGHT]
