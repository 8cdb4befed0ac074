"""What InterWild is trained on: twelve absolute errors, each a mean over all its elements, summed.

Elements without a target count as zero, so a sparse batch has small losses: as published. N
samples; both hands in one axis, right first: 42 joints, 1556 vertices, 32 rotations.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from dice_ros.body.skinning import rotation_matrices
from dice_ros.networks.interwild.box_net import LEFT, RIGHT
from dice_ros.networks.interwild.hand_crops import transform
from dice_ros.networks.interwild.network import HandOutput, InterWildOutput
from dice_ros.networks.interwild.spaces import (
    CANVAS_OVER_BOX_CELL,
    CROP_OVER_CELL,
    HAND_CELLS,
    HAND_JOINTS,
)

_MESH_WEIGHT = 10.0


class InterWildTargets(NamedTuple):
    """What is known about a batch; anything where a mask is zero.

    Attributes:
        joints_map: (N, 42, 3) annotated joints: x, y in 48 x 64 cells of the canvas (8 pixels), z
            in eight cells that span 0.3 m about each hand's wrist.
        mano_joints_map: (N, 42, 3) the same of the fitted MANO hands.
        joints: (N, 42, 3) metres, relative to each hand's wrist.
        vertices: (N, 1556, 3) metres, relative to each hand's wrist.
        relative: (N, 3) left wrist minus right wrist, metres.
        pose: (N, 32, 3) axis-angle, fingers relative to the mean pose.
        shape: (N, 20) betas.
        box_centres, box_sizes: (N, 2, 2) 48 x 64 cells.
    """

    joints_map: Tensor
    mano_joints_map: Tensor
    joints: Tensor
    vertices: Tensor
    relative: Tensor
    pose: Tensor
    shape: Tensor
    box_centres: Tensor
    box_sizes: Tensor


class InterWildMasks(NamedTuple):
    """Which targets count, 0 or 1.

    Attributes:
        joints: (N, 42) annotated.
        joints_inside: (N, 42) annotated, and inside the canvas after augmentation.
        mano_joints_inside: (N, 42) the same of the fitted hands.
        vertices: (N, 1556); pose: (N, 32); shape: (N, 20); relative: (N,); boxes: (N, 2).
        has_depth: (N,) joints come from three dimensions, not from a picture.
    """

    joints: Tensor
    joints_inside: Tensor
    mano_joints_inside: Tensor
    vertices: Tensor
    pose: Tensor
    shape: Tensor
    relative: Tensor
    boxes: Tensor
    has_depth: Tensor


class InterWildLosses(NamedTuple):
    """Means, 0-dimensional; named as what they compare."""

    right_box_centre: Tensor
    right_box_size: Tensor
    left_box_centre: Tensor
    left_box_size: Tensor
    relative: Tensor
    pose: Tensor
    shape: Tensor
    joints: Tensor
    vertices: Tensor
    joints_in_crop: Tensor
    mano_joints_in_crop: Tensor
    projected: Tensor

    def total(self) -> Tensor:
        """Their sum."""
        return torch.stack(list(self)).sum()


def interwild_losses(
    output: InterWildOutput, targets: InterWildTargets, masks: InterWildMasks
) -> InterWildLosses:
    """Compare a batch with its targets.

    Raises:
        ValueError: the output has given boxes or one hand: training is end to end.
    """
    boxes, right, left, pair = output
    if boxes is None or right is None or left is None or pair is None:
        raise ValueError("losses need found boxes and both hands: run the network without boxes")
    hands = (right, left)
    depth = masks.has_depth[:, None, None]
    found_joints = _both([hand.joints_cells for hand in hands])
    pose = _both([_turns(hand) for hand in hands])  # (N, 32, 3)
    annotated, inside = _in_crops(targets.joints_map, masks.joints_inside, hands)
    fitted, fitted_inside = _in_crops(targets.mano_joints_map, masks.mano_joints_inside, hands)
    projected = _both([hand.projected_cells for hand in hands])
    # Pictures do not tell depth; fitted hands always have one.
    seen = torch.cat([inside.expand(-1, -1, 2), inside * depth], dim=2)
    rotations = rotation_matrices(torch.stack([pose, targets.pose]))
    box_masks = masks.boxes[:, :, None]
    centres = (boxes.centres - targets.box_centres).abs() * box_masks
    sizes = (boxes.sizes - targets.box_sizes).abs() * box_masks
    return InterWildLosses(
        right_box_centre=centres[:, RIGHT].mean(),
        right_box_size=sizes[:, RIGHT].mean(),
        left_box_centre=centres[:, LEFT].mean(),
        left_box_size=sizes[:, LEFT].mean(),
        relative=_error(pair.relative, targets.relative, masks.relative[:, None]),
        pose=_error(rotations[0], rotations[1], masks.pose[:, :, None, None]),
        shape=_error(_both([hand.shape for hand in hands]), targets.shape, masks.shape),
        joints=_MESH_WEIGHT
        * _error(
            _both([hand.joints for hand in hands]), targets.joints, masks.joints[..., None] * depth
        ),
        vertices=_MESH_WEIGHT
        * _error(
            _both([hand.vertices for hand in hands]), targets.vertices, masks.vertices[..., None]
        ),
        joints_in_crop=_error(found_joints, annotated, seen),
        mano_joints_in_crop=_error(found_joints, fitted, fitted_inside),
        projected=_error(projected, annotated[..., :2], inside),
    )


def _in_crops(
    joints_map: Tensor, inside: Tensor, hands: tuple[HandOutput, HandOutput]
) -> tuple[Tensor, Tensor]:
    """Targets on the canvas to cells of each hand's own crop: (N, 42, 3), and (N, 42, 1) mask."""
    placed = []
    for number, hand in enumerate(hands):
        part = joints_map[:, number * HAND_JOINTS : (number + 1) * HAND_JOINTS]
        canvas = CANVAS_OVER_BOX_CELL * part[..., :2]
        cells = transform(hand.frame.to_crop, canvas) / CROP_OVER_CELL
        placed.append(torch.cat([cells, part[..., 2:]], dim=2))
    both = _both(placed)
    flat = both[..., :2]
    within = ((flat >= 0) & (flat < HAND_CELLS)).all(dim=2)
    return both, (inside * within)[..., None]


def _turns(hand: HandOutput) -> Tensor:
    """(N, 16, 3) axis-angle, root first."""
    return torch.cat([hand.root_pose, hand.finger_pose], dim=1).reshape(-1, 16, 3)


def _both(parts: list[Tensor]) -> Tensor:
    return torch.cat(parts, dim=1)


def _error(found: Tensor, true: Tensor, mask: Tensor) -> Tensor:
    return ((found - true).abs() * mask).mean()
