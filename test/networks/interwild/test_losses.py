"""Every training loss against the official code's, for a batch of two."""

import numpy as np
import pytest
import torch
from networks.interwild.interwild_recipe import TOLERANCE, normal

from dice_ros.networks.interwild.losses import (
    InterWildMasks,
    InterWildTargets,
    interwild_losses,
)

OFFICIAL = {
    "right_box_centre": "rhand_bbox_center",
    "right_box_size": "rhand_bbox_size",
    "left_box_centre": "lhand_bbox_center",
    "left_box_size": "lhand_bbox_size",
    "relative": "rel_trans",
    "pose": "mano_pose",
    "shape": "mano_shape",
    "joints": "joint_cam",
    "vertices": "mano_mesh_cam",
    "joints_in_crop": "joint_img",
    "mano_joints_in_crop": "mano_joint_img",
    "projected": "joint_proj",
}


def target(name, *shape):
    return normal(f"target.{name}", *shape)


def on_the_map(name):
    return np.stack(
        [
            24 + 6 * target(f"{name}.x", 2, 42),
            32 + 8 * target(f"{name}.y", 2, 42),
            4 + 1.5 * target(f"{name}.z", 2, 42),
        ],
        axis=2,
    )


def boxes():
    sides = ("rhand", "lhand")
    centres = [
        np.stack(
            [
                24 + 4 * target(f"{side}_bbox_center.x", 2),
                32 + 4 * target(f"{side}_bbox_center.y", 2),
            ],
            axis=1,
        )
        for side in sides
    ]
    sizes = [12 + 2 * target(f"{side}_bbox_size", 2, 2) for side in sides]
    return np.stack(centres, axis=1), np.stack(sizes, axis=1)


def right_only(count):
    """The second sample has no left hand."""
    return np.stack([np.ones(2 * count), np.repeat([1.0, 0.0], count)])


def tensors(kind, **values):
    return kind(**{name: torch.from_numpy(np.float32(value)) for name, value in values.items()})


@pytest.fixture(scope="module")
def targets():
    centres, sizes = boxes()
    return tensors(
        InterWildTargets,
        joints_map=on_the_map("joint_img"),
        mano_joints_map=on_the_map("mano_joint_img"),
        joints=0.05 * target("joint_cam", 2, 42, 3),
        vertices=0.05 * target("mano_mesh_cam", 2, 1556, 3),
        relative=0.1 * target("rel_trans", 2, 3),
        pose=0.4 * target("mano_pose", 2, 96).reshape(2, 32, 3),
        shape=0.5 * target("mano_shape", 2, 20),
        box_centres=centres,
        box_sizes=sizes,
    )


@pytest.fixture(scope="module")
def masks():
    inside = target("joint_trunc", 2, 42, 1)[..., 0] > -1
    fitted = target("mano_joint_trunc", 2, 42, 1)[..., 0] > -1
    return tensors(
        InterWildMasks,
        joints=np.ones((2, 42)),
        joints_inside=inside,
        mano_joints_inside=fitted * right_only(21),
        vertices=right_only(778),
        pose=right_only(16),
        shape=right_only(10),
        relative=[1, 0],
        boxes=[[1, 1], [1, 0]],
        has_depth=[1, 0],
    )


@pytest.fixture(scope="module")
def output(seeded_interwild, golden_canvas):
    with torch.inference_mode():
        return seeded_interwild(torch.cat([golden_canvas, golden_canvas.flip(3)]))


def test_every_loss_equals_the_official_one(interwild_golden, output, targets, masks):
    arrays, _ = interwild_golden
    found = interwild_losses(output, targets, masks)
    for name, official in OFFICIAL.items():
        expected = float(arrays[f"loss/{official}"])
        assert getattr(found, name).item() == pytest.approx(expected, rel=TOLERANCE), name
    assert found.total().item() == pytest.approx(float(arrays["loss/total"]), rel=TOLERANCE)
    assert len(OFFICIAL) + 1 == sum(key.startswith("loss/") for key in arrays)


def test_nothing_is_learned_from_what_is_masked(output, targets, masks):
    nothing = InterWildMasks(*(torch.zeros_like(mask) for mask in masks))
    assert interwild_losses(output, targets, nothing).total().item() == 0.0


def test_given_boxes_cannot_be_trained_with(output, targets, masks):
    with pytest.raises(ValueError, match="found boxes"):
        interwild_losses(output._replace(boxes=None), targets, masks)
