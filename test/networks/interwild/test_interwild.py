"""Every output of the network, and values inside it, against the official code's numbers."""

import copy

import numpy as np
import pytest
import torch
from networks.interwild.interwild_recipe import TOLERANCE, relative_error

from dice_ros.networks.interwild.box_net import LEFT, RIGHT
from dice_ros.networks.interwild.hand_crops import cut, square_boxes
from dice_ros.networks.interwild.network import GivenBoxes
from dice_ros.networks.interwild.translation_net import gaussian_volume, volume_joints


def outputs(found):
    """The official dictionary's entries."""
    values = {
        "rel_trans": found.pair.relative,
        "render_focal": found.pair.picture.focal,
        "render_princpt": found.pair.picture.centre,
    }
    for letter, hand, number in (("r", found.right, RIGHT), ("l", found.left, LEFT)):
        values |= {
            # Body pixels: half the canvas.
            f"{letter}hand_bbox": found.boxes.tight()[:, number] / 2,
            f"{letter}hand_bbox_conf": found.boxes.confidence[:, number],
            f"{letter}joint_img": torch.cat(
                [hand.joints_canvas, hand.joints_cells[..., 2:]], dim=2
            ),
            f"{letter}mano_mesh_cam": hand.vertices,
            f"{letter}mano_joint_cam": hand.joints,
            f"{letter}mano_root_pose": hand.root_pose,
            f"{letter}mano_hand_pose": hand.finger_pose,
            f"{letter}mano_shape": hand.shape,
            f"{letter}root_cam": hand.wrist,
            f"render_{letter}focal": hand.picture.focal,
            f"render_{letter}princpt": hand.picture.centre,
        }
    return values


@pytest.fixture(scope="module")
def probes(seeded_interwild, golden_canvas, interwild_output):
    """Values inside the network, thinned as the golden ones are."""
    network, output = seeded_interwild, interwild_output
    right, left = output.right, output.left
    with torch.inference_mode():
        body = torch.nn.functional.avg_pool2d(golden_canvas, 2)
        crops = torch.cat(
            [
                cut(golden_canvas, right.frame, mirrored=False),
                cut(golden_canvas, left.frame, mirrored=True),
            ]
        )
        features = network.hand_net.backbone(crops)
        reading = network.hand_net(crops)
        joints = volume_joints(
            right.joints_cells, left.joints_cells, right.frame.to_canvas, left.frame.to_canvas
        )
        entered = network.translation_net.entered(joints)
        volume = gaussian_volume(torch.cat([joints.right, joints.left], dim=1))
        wrists = torch.stack([joints.right[:, 0, :2], joints.left[:, 0, :2]], dim=1) / 8
        tight = output.boxes.tight()
        return {
            "body_feat_s": network.body_backbone(body)[:, ::32],
            "bbox_center_hm_s": output.boxes.logits[:, :, ::4, ::4],
            "rhand_center": output.boxes.centres[:, RIGHT],
            "lhand_center": output.boxes.centres[:, LEFT],
            "rhand_size": output.boxes.sizes[:, RIGHT],
            "lhand_size": output.boxes.sizes[:, LEFT],
            "rbox_ext": square_boxes(tight[:, RIGHT]) / 2,
            "lbox_ext": square_boxes(tight[:, LEFT]) / 2,
            "hand_crop_s": crops[:, :, ::8, ::8],
            "hand_feat_s": features[:, ::32],
            "orig2hand": torch.cat([right.frame.to_crop, left.frame.to_crop]),
            "hand2orig": torch.cat([right.frame.to_canvas, left.frame.to_canvas]),
            "joint_hm": reading.joints,
            "cam_param": network.hand_net.rotation.camera(features.mean(dim=(2, 3))),
            "root6d": reading.root,
            "pose6d": reading.fingers,
            "root_trans": reading.place,
            "rjoint_proj_hm": right.projected_cells,
            "ljoint_proj_hm": left.projected_cells,
            "trans_coord_r": joints.right,
            "trans_coord_l": joints.left,
            "trans_hm_s": volume[:, ::97, ::8, ::8],
            "trans_conv_s": entered[:, ::8, ::4, ::4],
            "trans_feat_s": network.translation_net.backbone.stages(entered)[:, ::16],
            "wrist_xy": wrists,
        }


def test_all_golden_outputs_are_compared(interwild_golden, interwild_output):
    golden = {key[4:] for key in interwild_golden[0] if key.startswith("out/")}
    assert golden == set(outputs(interwild_output))


@pytest.fixture(scope="module")
def exact_output(seeded_interwild, golden_canvas):
    """What the network says in float64: without the rounding that differs between processors."""
    network = copy.deepcopy(seeded_interwild).double()
    with torch.inference_mode():
        return network(golden_canvas.double())


def test_every_output_equals_the_official_one(interwild_golden, exact_output):
    errors = {
        name: relative_error(value, interwild_golden[0][f"out/{name}"])
        for name, value in outputs(exact_output).items()
    }
    assert {name: error for name, error in errors.items() if error > TOLERANCE} == {}


def test_float32_only_rounds_the_outputs(exact_output, interwild_output):
    """The hands' distance comes out of TransNet's long sums: 9e-5 seen on one processor."""
    exact = outputs(exact_output)
    errors = {
        name: relative_error(value, exact[name].numpy())
        for name, value in outputs(interwild_output).items()
    }
    assert {name: error for name, error in errors.items() if error > 3 * TOLERANCE} == {}


def test_every_part_equals_the_official_one(interwild_golden, probes):
    arrays, _ = interwild_golden
    assert {f"mid/{name}" for name in probes} == {key for key in arrays if key[:4] == "mid/"}
    errors = {name: relative_error(value, arrays[f"mid/{name}"]) for name, value in probes.items()}
    assert {name: error for name, error in errors.items() if error > TOLERANCE} == {}


def test_finger_angles_beyond_half_a_turn_occur_and_are_kept(interwild_output):
    """They are added to the mean pose as vectors: a shorter vector would bend another finger."""
    fingers = torch.cat([interwild_output.right.finger_pose, interwild_output.left.finger_pose])
    angles = fingers.reshape(-1, 3).norm(dim=1)
    assert int((angles > np.pi).sum()) >= 4
    assert angles.max() < 2 * np.pi


def test_the_volume_and_the_shortcut_give_the_same(seeded_interwild, interwild_output):
    network, output = seeded_interwild.translation_net, interwild_output
    joints = volume_joints(
        output.right.joints_cells,
        output.left.joints_cells,
        output.right.frame.to_canvas,
        output.left.frame.to_canvas,
    )
    try:
        with torch.inference_mode():
            network.separable = False
            plain, vector = network.entered(joints), network(joints)
            network.separable = True
            quick = network.entered(joints)
            assert relative_error(quick, plain.numpy()) < 1e-5
            assert (network(joints) - vector).abs().max() < 2e-6  # metres
    finally:
        network.separable = True


def test_given_boxes_replace_the_search(seeded_interwild, golden_canvas, interwild_output):
    tight = interwild_output.boxes.tight()
    with torch.inference_mode():
        found = seeded_interwild(golden_canvas, GivenBoxes(tight[:, RIGHT], tight[:, LEFT]))
    assert found.boxes is None
    for side in ("right", "left"):
        ours, theirs = getattr(found, side), getattr(interwild_output, side)
        torch.testing.assert_close(ours.vertices, theirs.vertices)
        torch.testing.assert_close(ours.joints_canvas, theirs.joints_canvas)
    torch.testing.assert_close(found.pair.relative, interwild_output.pair.relative)


@pytest.mark.parametrize("side", ["right", "left"])
def test_one_hand_alone_is_what_it_is_in_a_pair(
    seeded_interwild, golden_canvas, interwild_output, side
):
    tight = interwild_output.boxes.tight()
    boxes = {"right": tight[:, RIGHT], "left": tight[:, LEFT]}
    alone = GivenBoxes(**{name: boxes[name] if name == side else None for name in boxes})
    with torch.inference_mode():
        found = seeded_interwild(golden_canvas, alone)
    assert found.pair is None
    assert (found.right is None) == (side == "left")
    theirs = getattr(interwild_output, side)
    torch.testing.assert_close(getattr(found, side).vertices, theirs.vertices, atol=2e-6, rtol=1e-4)
