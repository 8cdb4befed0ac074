import dataclasses

import cv2
import numpy as np
import pytest

from dice_ros.camera import Camera
from dice_ros.errors import AssetError
from dice_ros.perception.litert import LiteRtNetwork
from dice_ros.perception.person_tracker import PersonTracker
from dice_ros.settings import Settings
from dice_ros.types import Frame, HandSide

MS = 1_000_000


@pytest.fixture(scope="module")
def networks(asset_dir):
    return asset_dir / "networks"


@pytest.fixture(scope="module")
def tracker(networks):
    made = PersonTracker(Settings(max_persons=2), networks)
    yield made
    made.close()


def look(tracker, image, stamp_ns=1):
    height, width = image.shape[:2]
    return tracker.update(Frame(image, stamp_ns), Camera.assume(width, height)).persons


def fresh(tracker, image):
    tracker.reset()
    return look(tracker, image)


def test_the_photograph_shows_one_face_and_no_hand(tracker, astronaut):
    (person,) = fresh(tracker, astronaut)
    assert person.face.score > 0.99
    assert person.hands == ()
    assert person.is_new
    nose = person.face.points[1, :2]
    assert 180 < nose[0] < 260
    assert 80 < nose[1] < 160


def test_a_smile_is_read_from_the_photograph(tracker, astronaut, open_head):
    (person,) = fresh(tracker, astronaut)
    smile = person.face.blendshapes[open_head.expression_names.index("mouthSmileLeft")]
    assert person.face.blendshapes.shape == (52,)
    assert smile > 0.3


@pytest.mark.parametrize("degrees", [-30, 20, 45])
def test_a_turned_picture_has_turned_landmarks(tracker, astronaut, degrees):
    M = cv2.getRotationMatrix2D((224.0, 130.0), degrees, 1.0)
    turned = cv2.warpAffine(astronaut, M, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    (straight,) = fresh(tracker, astronaut)
    (person,) = fresh(tracker, turned)
    expected = straight.face.points[:, :2] @ M[:, :2].T + M[:, 2]
    error = np.linalg.norm(person.face.points[:, :2] - expected, axis=1)
    assert error.mean() < 3.0


def test_a_small_face_is_found(tracker, astronaut):
    small = np.full((480, 640, 3), 90, dtype=np.uint8)
    small[100:276, 200:376] = cv2.resize(astronaut, (176, 176), interpolation=cv2.INTER_AREA)
    (person,) = fresh(tracker, small)
    assert person.face.box.width < 70


def test_two_copies_are_two_persons(tracker, astronaut):
    double = np.concatenate([astronaut, astronaut], axis=1)
    persons = fresh(tracker, double)
    assert len(persons) == 2
    assert len({person.person_id for person in persons}) == 2
    centres = sorted(person.face.box.x for person in persons)
    assert centres[1] - centres[0] == pytest.approx(512, abs=5)


def test_only_as_many_persons_as_wanted(networks, astronaut):
    tracker = PersonTracker(Settings(max_persons=1), networks)
    assert len(look(tracker, np.concatenate([astronaut, astronaut], axis=1))) == 1
    tracker.close()


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((480, 640, 3), np.uint8),
        np.full((16, 16, 3), 255, np.uint8),
        np.zeros((1, 1, 3), np.uint8),
        np.zeros((2, 900, 3), np.uint8),
        np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8),
    ],
    ids=["black", "tiny", "one pixel", "thin", "noise"],
)
def test_pictures_of_nobody_show_nobody(tracker, image):
    assert fresh(tracker, image) == ()


def test_a_noisy_picture_is_repaired(tracker, astronaut):
    noise = np.random.default_rng(0).normal(0, 45, astronaut.shape)
    noisy = np.clip(astronaut + noise, 0, 255).astype(np.uint8)
    assert len(fresh(tracker, noisy)) == 1


def test_a_dark_picture_is_repaired(tracker, astronaut):
    assert len(fresh(tracker, (astronaut * 0.06).astype(np.uint8))) == 1


def test_tracking_keeps_the_person_and_the_landmarks(tracker, astronaut):
    (first,) = fresh(tracker, astronaut)
    (second,) = look(tracker, astronaut, 1 + 100 * MS)
    assert second.person_id == first.person_id
    assert not second.is_new
    gap = np.linalg.norm(first.face.points[:, :2] - second.face.points[:, :2], axis=1)
    assert gap.max() < 2.0


def test_detectors_rest_while_the_face_is_tracked_and_nothing_is_missing(networks, astronaut):
    tracker = PersonTracker(Settings(max_persons=1, detect_interval_s=10.0), networks)
    camera = Camera.assume(512, 512)
    tracker.update(Frame(astronaut, 1), camera)
    stages = {t.stage for t in tracker.update(Frame(astronaut, 1 + 100 * MS), camera).timings}
    assert "detect_faces" not in stages
    assert "detect_palms" not in stages
    tracker.close()


def test_a_person_who_left_comes_back_as_somebody_new(tracker, astronaut):
    (before,) = fresh(tracker, astronaut)
    empty = np.zeros_like(astronaut)
    assert look(tracker, empty, 1 + 100 * MS) == ()
    (after,) = look(tracker, astronaut, 1 + 800 * MS)
    assert after.is_new
    assert after.person_id != before.person_id


def test_a_stamp_that_goes_back_forgets_everybody(tracker, astronaut):
    tracker.reset()
    (before,) = look(tracker, astronaut, 10_000 * MS)
    (after,) = look(tracker, astronaut, 5_000 * MS)
    assert after.is_new
    assert after.person_id != before.person_id


def test_a_rendered_hand_is_found_on_its_side(tracker, touching_render):
    frame, truth = touching_render
    (person,) = fresh(tracker, frame.image)
    (hand,) = person.hands
    assert hand.side is truth.hands[0].state.side is HandSide.RIGHT
    true_pixels = frame.camera.project(truth.hands[0].joints)
    assert np.linalg.norm(hand.points[:, :2] - true_pixels, axis=1).mean() < 12.0
    assert np.ptp(hand.world, axis=0).max() < 0.25


def test_a_hand_without_a_face_is_somebody(tracker, demo_clip):
    frame, truth = demo_clip.frame(92)
    image = frame.image.copy()
    face = frame.camera.project(truth.vertices)
    top = int(frame.camera.project(truth.hands[0].joints)[:, 1].min()) - 2
    image[: max(top, 0)] = 127
    image[:, : int(face[:, 0].min())] = 127
    persons = fresh(tracker, image)
    assert all(person.face is None for person in persons)
    for person in persons:
        assert len(person.hands) <= 2


def test_hands_keep_their_track(tracker, demo_clip):
    tracker.reset()
    ids = set()
    for index in range(44, 50):
        frame = dataclasses.replace(demo_clip.frame(index)[0])
        (person,) = tracker.update(frame, frame.camera).persons
        ids |= {hand.track_id for hand in person.hands}
    assert len(ids) == 1


@pytest.mark.parametrize("damage", ["missing", "empty", "garbage", "truncated"])
def test_a_damaged_network_is_named_with_the_remedy(networks, tmp_path, damage):
    path = tmp_path / "net.tflite"
    data = (networks / "hand_landmarks.tflite").read_bytes()
    contents = {"empty": b"", "garbage": b"x" * 5000, "truncated": data[:2000]}
    if damage in contents:
        path.write_bytes(contents[damage])
    with pytest.raises(AssetError, match="dice-ros assets"):
        LiteRtNetwork(path, 1)
