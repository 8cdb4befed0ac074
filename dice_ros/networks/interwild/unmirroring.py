"""Turning back what was read from a mirrored crop: numbers of a right hand become a left one's.

Joints are mirrored about the middle between pixels 0 and 255, places about the virtual camera's
axis at pixel 128: the two left-hand conventions differ by one crop pixel, as published.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dice_ros.networks.interwild.spaces import CROP_OVER_CELL, CROP_SIDE


def mirrored_joints(joints: Tensor) -> Tensor:
    """(B, 21, 3) x, y, z in cells."""
    x = (CROP_SIDE - 1 - CROP_OVER_CELL * joints[..., :1]) / CROP_OVER_CELL
    return torch.cat([x, joints[..., 1:]], dim=-1)


def mirrored_turns(axis_angle: Tensor) -> Tensor:
    """(..., 3) axis-angle: the axis is mirrored and its sense reversed."""
    return axis_angle * axis_angle.new_tensor([1.0, -1.0, -1.0])


def mirrored_points(points: Tensor) -> Tensor:
    """(..., 3) metres, about the plane x = 0."""
    return points * points.new_tensor([-1.0, 1.0, 1.0])
