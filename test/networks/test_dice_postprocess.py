"""Bodies and post-processing against the official code's numbers."""

import numpy as np
import pytest
import torch
from networks.dice_recipe import (
    TOLERANCE,
    flame_arrays,
    flame_parameters,
    golden,
    mano_arrays,
    mano_parameters,
    parameters,
    relative_error,
)

from dice_ros.body.flame import FlameHead
from dice_ros.body.keypoint_regressors import face_keypoints, hand_keypoints
from dice_ros.body.mano import ManoHand
from dice_ros.body.mano_arrays import STANDARD_ORDER
from dice_ros.networks.dice import DiceOutput, HandOutput, HeadOutput
from dice_ros.networks.dice_postprocess import DicePostprocess, weak_perspective
from dice_ros.perception.one_euro import OneEuroFilter

PUBLISHED_ORDER = np.argsort(STANDARD_ORDER)


@pytest.fixture(scope="module")
def stored():
    return golden("dice-post-public-1")


@pytest.fixture(scope="module")
def flame(stored):
    return flame_arrays(stored[1]["seed"])


@pytest.fixture(scope="module")
def mano(stored):
    return mano_arrays(stored[1]["seed"])


@pytest.fixture(scope="module")
def output(stored):
    """Only what post-processing reads."""
    seed = stored[1]["seed"]
    camera = parameters(seed, "cam", 3, (5, 20, 20), [[-80, 112, 112], [65, 100, 130]])
    deformation = parameters(seed, "deform_full", 5023 * 3, 0.01).reshape(2, 5023, 3)
    unread = torch.zeros(0)
    hand = HandOutput(*([unread] * 5), mano_parameters(seed))
    head = HeadOutput(*([unread] * 9), deformation, flame_parameters(seed))
    return DiceOutput(camera, unread, hand, head)


@pytest.fixture(scope="module")
def meshes(flame, mano, output):
    return DicePostprocess(flame, mano)(output)


def test_the_posed_head_equals_the_official_one(flame, output, stored):
    arrays, meta = stored
    mesh = FlameHead(flame)(output.head.parameters)
    thinned = mesh.vertices[:, :: meta["stride"]["head_vs_raw"]]
    assert relative_error(thinned, arrays["out.head_vs_raw"]) <= TOLERANCE
    assert relative_error(mesh.landmarks, arrays["out.head_kps_raw"]) <= TOLERANCE
    from_mesh = face_keypoints(flame, mesh.vertices.numpy())
    assert relative_error(from_mesh, arrays["out.head_kps_from_mesh"]) <= TOLERANCE


def test_the_posed_hand_equals_the_official_one(mano, output, stored):
    arrays, _ = stored
    mesh = ManoHand(mano)(output.hand.parameters)
    assert relative_error(mesh.vertices, arrays["out.hand_vs_raw"]) <= TOLERANCE
    assert relative_error(mesh.joints, arrays["out.hand_kps_raw"]) <= TOLERANCE
    from_mesh = hand_keypoints(mano, mesh.vertices.numpy())
    assert relative_error(from_mesh, arrays["out.hand_kps_from_mesh"]) <= TOLERANCE


def test_the_template_keypoints_equal_the_official_ones(flame, mano, stored):
    arrays, _ = stored
    head = face_keypoints(flame, flame.template[None])
    hand = hand_keypoints(mano, mano.template[None])
    assert relative_error(head, arrays["out.tmpl_head_ref_kps"]) <= TOLERANCE
    assert relative_error(hand, arrays["out.tmpl_rh_ref_kps"]) <= TOLERANCE


def test_centred_meshes_equal_the_official_ones(meshes, stored):
    arrays, _ = stored
    # Our deformation points the other way, so that it is added.
    deformed = meshes.head + meshes.deformation
    assert relative_error(deformed, arrays["out.head_vs_deformed"]) <= TOLERANCE
    assert relative_error(meshes.hand, arrays["out.hand_vs"]) <= TOLERANCE
    assert relative_error(meshes.landmarks, arrays["out.head_kps"]) <= TOLERANCE
    joints = meshes.joints[:, PUBLISHED_ORDER]
    assert relative_error(joints, arrays["out.hand_kps"]) <= TOLERANCE


def test_projections_equal_the_official_ones(meshes, stored):
    arrays, _ = stored
    head = meshes.camera.project(meshes.landmarks)
    hand = meshes.camera.project(meshes.joints)[:, PUBLISHED_ORDER]
    assert relative_error(head, arrays["out.head_kps_2d"]) <= TOLERANCE
    assert relative_error(hand, arrays["out.hand_kps_2d"]) <= TOLERANCE


def test_the_neck_does_not_deform(meshes, flame):
    assert meshes.deformation[:, flame.neck].abs().max() == 0
    others = np.setdiff1d(np.arange(5023), flame.neck)
    assert (meshes.deformation[:, others].abs().amax(-1) > 0).all()


def test_the_official_filter_is_ours_with_its_start(meshes, stored):
    """The official smoother starts at zero and counts frames: reproduced here, not in use."""
    arrays, meta = stored
    points = torch.cat([meshes.hand, meshes.head + meshes.deformation], dim=1).numpy()
    one_euro = OneEuroFilter()
    one_euro.smooth(np.zeros(points[0].size), 0, 1.0, 0.0)
    for number, name in enumerate(("one_euro_frame1", "one_euro_frame2")):
        sample = points[number].astype(np.float64).ravel()
        smoothed = one_euro.smooth(sample, (number + 1) * 1_000_000_000, 1.0, 0.0)
        thinned = smoothed.reshape(1, -1, 3)[:, :: meta["stride"][name]]
        assert relative_error(thinned, arrays[f"out.{name}"]) <= TOLERANCE


def test_a_camera_scale_has_no_sign():
    scale, shift = weak_perspective(torch.tensor([[-35.0, 110.0, 120.0]]))
    assert scale.item() == pytest.approx(350.0)
    assert shift.tolist() == [[110.0, 120.0]]


def test_free_meshes_are_the_networks_own(flame, mano):
    generator = torch.Generator().manual_seed(0)

    def points(count):
        return torch.randn(1, count, 3, generator=generator)

    unread = torch.zeros(0)
    hand = HandOutput(points(21), unread, points(778), unread, unread, None)
    head = HeadOutput(
        points(68), unread, unread, points(5023), *([unread] * 5), torch.zeros(1, 5023, 3), None
    )
    output = DiceOutput(torch.ones(1, 3), unread, hand, head)
    meshes = DicePostprocess(flame, mano, parametric=False)(output)
    centre = head.vertices.mean(dim=1, keepdim=True)
    torch.testing.assert_close(meshes.head, head.vertices - centre)
    torch.testing.assert_close(meshes.hand, hand.vertices - centre)
    torch.testing.assert_close(meshes.joints, hand.joints - centre)
    torch.testing.assert_close(meshes.landmarks, head.landmarks - centre)


def test_bodies_are_exported_whole(flame, mano, output):
    module = DicePostprocess(flame, mano).eval()
    exported = torch.export.export(module, (output,)).module()
    torch.testing.assert_close(exported(output).head, module(output).head)
    torch.testing.assert_close(exported(output).joints, module(output).joints)
