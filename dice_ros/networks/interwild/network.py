"""InterWild: a portrait picture of one person to both hands and the vector between their wrists.

    canvas, halved --body backbone, BoxNet--> box of each hand
    canvas --cut at the boxes, left hand mirrored--> crops --SHNet--> 2.5D joints, MANO parameters
        --un-mirror left, MANO--> meshes in each crop's virtual camera
    joints of both hands, in one common square --TransNet--> left wrist - right wrist

Moon, "Bringing Inputs to Shared Domains for 3D Interacting Hands Recovery in the Wild", CVPR 2023.
SHNet always sees one hand at one size, TransNet only geometry. Boxes may be given instead of
found, and one hand alone may be asked for. N pictures; metres, camera axes (x right, y down,
z away).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from dice_ros.body.mano_pair import ManoPair
from dice_ros.networks.interwild.box_net import LEFT, RIGHT, BoxNet, FoundBoxes
from dice_ros.networks.interwild.config import InterWildConfig
from dice_ros.networks.interwild.hand_crops import (
    CropFrame,
    crop_frame,
    cut,
    square_boxes,
    transform,
)
from dice_ros.networks.interwild.hand_model import (
    HandModel,
    Orthographic,
    orthographic_fit,
    picture,
)
from dice_ros.networks.interwild.hand_net import HandNet, HandReading
from dice_ros.networks.interwild.rotations import axis_angles, matrices_from_six
from dice_ros.networks.interwild.spaces import CANVAS_OVER_BODY, CROP_OVER_CELL
from dice_ros.networks.interwild.translation_net import (
    CommonSquare,
    TranslationNet,
    volume_joints,
)
from dice_ros.networks.interwild.unmirroring import (
    mirrored_joints,
    mirrored_points,
    mirrored_turns,
)
from dice_ros.networks.resnet import ResNet
from dice_ros.types import HandSide


class GivenBoxes(NamedTuple):
    """Where hands are, if something else has found them.

    Attributes:
        right, left: (N, 4) x1, y1, x2, y2 around the hand's joints with a fifth to spare, canvas
            pixels; None for a hand that is not wanted.
    """

    right: Tensor | None
    left: Tensor | None


class HandOutput(NamedTuple):
    """One hand, un-mirrored.

    Attributes:
        joints_cells: (N, 21, 3) x, y, z in cells of the crop's heatmap: wrist, thumb 1-4, index
            1-4, ... pinky 1-4.
        joints_canvas: (N, 21, 2) the same, canvas pixels.
        root_pose: (N, 3) axis-angle, radians.
        finger_pose: (N, 45) axis-angle, radians, relative to MANO's mean pose.
        shape: (N, 10) betas.
        wrist: (N, 3) in the virtual camera of this hand's own crop.
        vertices: (N, 778, 3) relative to the wrist.
        joints: (N, 21, 3) relative to the wrist.
        projected_cells: (N, 21, 2) joints as the virtual camera pictures them, cells.
        projected_canvas: (N, 21, 2) the same, canvas pixels.
        picture: orthographic picture of ``joints + wrist`` on the canvas.
        frame: where the crop was cut.
    """

    joints_cells: Tensor
    joints_canvas: Tensor
    root_pose: Tensor
    finger_pose: Tensor
    shape: Tensor
    wrist: Tensor
    vertices: Tensor
    joints: Tensor
    projected_cells: Tensor
    projected_canvas: Tensor
    picture: Orthographic
    frame: CropFrame


class PairOutput(NamedTuple):
    """Both hands together.

    Attributes:
        relative: (N, 3) left wrist minus right wrist.
        square: square around both hands that ``relative`` was read in.
        picture: orthographic picture of both hands on the canvas, right at ``right.wrist``, left at
            ``right.wrist + relative``.
    """

    relative: Tensor
    square: CommonSquare
    picture: Orthographic


class InterWildOutput(NamedTuple):
    """Everything the network says.

    Attributes:
        boxes: what BoxNet found; None where boxes were given.
        right, left: hands; None for one that was not wanted.
        pair: None unless both hands were.
    """

    boxes: FoundBoxes | None
    right: HandOutput | None
    left: HandOutput | None
    pair: PairOutput | None


class InterWildNetwork(nn.Module):
    """The network; call :meth:`eval` before use.

    Args:
        config: widths.
        hands: MANO models; part of the bodies, not of the weights. None makes a network that cannot
            be run, for its tensors' shapes.
    """

    def __init__(self, config: InterWildConfig, hands: ManoPair | None) -> None:
        super().__init__()
        self.body_backbone = ResNet(config.body)
        self.box_net = BoxNet(config.body.out_channels, config.box_width)
        self.hand_net = HandNet(config.hand, config.pose_width)
        self.translation_net = TranslationNet(config.translation)
        sides = () if hands is None else tuple(HandSide)
        self.models = nn.ModuleDict(
            {side.value: HandModel(hands, side) for side in sides if hands is not None}
        )

    def forward(self, canvas: Tensor, given: GivenBoxes | None = None) -> InterWildOutput:
        """Run everything that is asked for.

        Args:
            canvas: (N, 3, 512, 384) float32, RGB 0..1, one person each.
            given: boxes to use instead of looking for hands.
        """
        found = None
        if given is None:
            found = self.find(canvas)
            tight = found.tight()
            given = GivenBoxes(tight[:, RIGHT], tight[:, LEFT])
        right_frame, left_frame = (
            None if box is None else crop_frame(square_boxes(box)) for box in given
        )
        readings = self.read(canvas, right_frame, left_frame)
        right = left = pair = None
        if right_frame is not None:
            right = self.posed(HandSide.RIGHT, readings[0], right_frame)
        if left_frame is not None:
            left = self.posed(HandSide.LEFT, readings[-1], left_frame)
        if right is not None and left is not None:
            pair = self.related(right, left)
        return InterWildOutput(found, right, left, pair)

    def find(self, canvas: Tensor) -> FoundBoxes:
        """Look for both hands in (N, 3, 512, 384)."""
        # The mean of 2 x 2 pixels is what bilinear interpolation gives for one half.
        body = functional.avg_pool2d(canvas, int(CANVAS_OVER_BODY))
        found: FoundBoxes = self.box_net(self.body_backbone(body))
        return found

    def read(
        self, canvas: Tensor, right: CropFrame | None, left: CropFrame | None
    ) -> list[HandReading]:
        """Read the hands that are wanted as one batch; left ones are still mirrored."""
        crops = [
            cut(canvas, frame, mirrored=mirrored)
            for frame, mirrored in ((right, False), (left, True))
            if frame is not None
        ]
        if not crops:
            return []
        reading = self.hand_net(torch.cat(crops))
        count = len(canvas)
        return [
            HandReading(*(part[first : first + count] for part in reading))
            for first in range(0, count * len(crops), count)
        ]

    def posed(self, side: HandSide, reading: HandReading, frame: CropFrame) -> HandOutput:
        """Un-mirror what was read, and pose MANO with it."""
        joints_cells, place = reading.joints, reading.place
        turns = axis_angles(
            matrices_from_six(torch.cat([reading.root[:, None], reading.fingers], dim=1))
        )  # (N, 16, 3)
        if side is HandSide.LEFT:
            joints_cells, place = mirrored_joints(joints_cells), mirrored_points(place)
            turns = mirrored_turns(turns)
        root, fingers = turns[:, 0], turns[:, 1:].flatten(1)
        vertices, joints = self.models[side.value](root, fingers, reading.shape)
        in_camera = joints + place[:, None]
        projected = picture(in_camera)
        projected_canvas = transform(frame.to_canvas, CROP_OVER_CELL * projected)
        return HandOutput(
            joints_cells=joints_cells,
            joints_canvas=transform(frame.to_canvas, CROP_OVER_CELL * joints_cells[..., :2]),
            root_pose=root,
            finger_pose=fingers,
            shape=reading.shape,
            wrist=place,
            vertices=vertices,
            joints=joints,
            projected_cells=projected,
            projected_canvas=projected_canvas,
            picture=orthographic_fit(in_camera, projected_canvas),
            frame=frame,
        )

    def related(self, right: HandOutput, left: HandOutput) -> PairOutput:
        """Place the left wrist relative to the right one."""
        # As trained: TransNet never moves what it reads.
        joints = volume_joints(
            right.joints_cells.detach(),
            left.joints_cells.detach(),
            right.frame.to_canvas,
            left.frame.to_canvas,
        )
        relative = self.translation_net(joints)
        wrist = right.wrist[:, None]
        both = torch.cat([right.joints + wrist, left.joints + wrist + relative[:, None]], dim=1)
        pixels = torch.cat([right.projected_canvas, left.projected_canvas], dim=1)
        return PairOutput(relative, joints.square, orthographic_fit(both, pixels))
