"""Every output of the network against the official code's numbers."""

import operator

import numpy as np
import pytest
import torch
from networks.dice_recipe import TOLERANCE, relative_error

from dice_ros.networks.mesh_transformer import run_blocks

OUTPUTS = {
    "cam": "camera",
    "presence": "presence",
    "hand_joints": "hand.joints",
    "hand_vs_sub": "hand.vertices_coarse",
    "hand_vs_full": "hand.vertices",
    "hand_contact_sub": "hand.contact_coarse",
    "hand_contact_full": "hand.contact",
    "rh_betas": "hand.parameters.betas",
    "rh_transl": "hand.parameters.transl",
    "rh_rot": "hand.parameters.global_orient",
    "rh_pose": "hand.parameters.hand_pose",
    "head_joints": "head.landmarks",
    "head_vs_sub2": "head.vertices_coarse",
    "head_vs_sub": "head.vertices_middle",
    "head_vs_full": "head.vertices",
    "head_contact_sub2": "head.contact_coarse",
    "head_contact_sub": "head.contact_middle",
    "head_contact_full": "head.contact",
    "deform_sub2": "head.deformation_coarse",
    "deform_sub": "head.deformation_middle",
    "deform_full": "head.deformation",
    "face_shape": "head.parameters.betas",
    "face_exp": "head.parameters.expression",
    "face_pose": "head.parameters.pose",
    "face_rot": "head.parameters.rotation",
    "face_transl": "head.parameters.transl",
}


@pytest.fixture(scope="module")
def probes(seeded_dice, dice_image):
    """Values inside the network, thinned as the golden ones are."""
    with torch.inference_mode():
        features = seeded_dice.features(dice_image)
        tokens = seeded_dice.tokens(features)
        found = {
            "feat": features.transpose(1, 2).unflatten(2, (7, 7))[:, ::8],
            "img_tokens": tokens[:, ::29, 3::16],
            "presence_logit": seeded_dice.presence_head.logit(features),
        }
        x = tokens
        for number, block in enumerate(seeded_dice.mesh_net):
            x = block(x)
            found[f"mesh{number}"] = x[:, ::29]
        x = seeded_dice.interaction_entry(tokens)
        for number, block in enumerate(seeded_dice.interaction_net):
            x = block(x)
            found[f"inter{number}"] = x[:, ::29]
        skin = run_blocks(seeded_dice.interaction_net, seeded_dice.interaction_entry(tokens))
        found["deform_full_ungated"] = seeded_dice.deformation_upsampling(skin[:, -559:, :3])[1]
    return found


def test_all_golden_outputs_are_compared(dice_golden):
    arrays, _ = dice_golden
    assert {f"out.{name}" for name in OUTPUTS} == {key for key in arrays if key[:4] == "out."}


@pytest.mark.parametrize("name", OUTPUTS)
def test_output_equals_the_official_one(name, dice_output, dice_golden):
    arrays, _ = dice_golden
    found = operator.attrgetter(OUTPUTS[name])(dice_output)
    assert relative_error(found, arrays[f"out.{name}"]) <= TOLERANCE


@pytest.mark.parametrize(
    "name",
    [
        *("feat", "img_tokens", "mesh0", "mesh1", "mesh2", "inter0", "inter1"),
        *("deform_full_ungated", "presence_logit"),
    ],
)
def test_each_part_equals_the_official_one(name, probes, dice_golden):
    arrays, _ = dice_golden
    assert relative_error(probes[name], arrays[f"probe.{name}"]) <= TOLERANCE


def test_deformation_is_gated_by_presence(seeded_dice, dice_image, dice_output):
    assert dice_output.presence.item() > 0.5
    assert dice_output.head.deformation.abs().max() > 0
    bias = seeded_dice.presence_head.pool.bias
    kept = bias.detach().clone()
    try:
        with torch.inference_mode():
            bias.copy_(torch.full_like(bias, -100.0))
            gated = seeded_dice(dice_image)
    finally:
        with torch.inference_mode():
            bias.copy_(kept)
    assert gated.presence.item() < 0.5
    assert gated.head.deformation.abs().max() == 0
    # The coarser levels stay as they are: the published network does the same.
    assert torch.equal(gated.head.deformation_middle, dice_output.head.deformation_middle)


def test_a_batch_gives_what_single_crops_give(seeded_dice, dice_image, dice_output):
    other = dice_image.flip(-1)
    with torch.inference_mode():
        both = seeded_dice(torch.cat([dice_image, other]))
        alone = seeded_dice(other)
    for name in OUTPUTS.values():
        value = operator.attrgetter(name)
        first, second = value(both)
        assert relative_error(first[None], np.asarray(value(dice_output))) <= 2e-5, name
        assert relative_error(second[None], np.asarray(value(alone))) <= 2e-5, name
