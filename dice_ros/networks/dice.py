"""DICE: one image crop to head mesh, hand mesh, contact and deformation (Wu et al., ICLR 2025).

    image --HRNet--> 7x7 features --mixed into 843 tokens, each with its template point-->
        MeshNet         -> joints, landmarks, hand and head vertices -> IKNets -> MANO, FLAME
        InteractionNet  -> deformation of the head, contact of head and hand
    features --> presence: does the hand touch at all?

B crops. Tokens: 21 hand joints, 68 face landmarks, 195 hand vertices, 559 head vertices. Meshes
come in two (hand) and three (head) resolutions. Lengths in metres, axes of the network's crop
(x right, y down, z away), head and hand relative to each other as the network sees them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn

from dice_ros.body.flame import FlameParameters
from dice_ros.body.mano import ManoParameters
from dice_ros.networks.hrnet import HRNet, HRNetConfig
from dice_ros.networks.ik_net import IKNet
from dice_ros.networks.mesh_transformer import BlockConfig, MeshTransformerBlock, run_blocks

CROP_SIDE = 224
HAND_JOINTS, FACE_LANDMARKS = 21, 68
HAND_COARSE, HAND_FULL = 195, 778
HEAD_COARSE, HEAD_MIDDLE, HEAD_FULL = 559, 1675, 5023
TOKENS = HAND_JOINTS + FACE_LANDMARKS + HAND_COARSE + HEAD_COARSE
PRESENCE_THRESHOLD = 0.5
"""Above it the hand counts as touching, and the deformation is kept."""

_POSITIONS = (CROP_SIDE // 32) ** 2
TOKEN_SPLIT = [HAND_JOINTS, FACE_LANDMARKS, HAND_COARSE, HEAD_COARSE]
HAND_PARAMETERS = [10, 3, 3, 45]
FACE_PARAMETERS = [100, 50, 6, 3, 3]
_CAMERA_WIDTH = 250


@dataclass(frozen=True, slots=True)
class DiceConfig:
    """Widths of the network; the defaults are the published ones.

    Attributes:
        backbone: size of the feature network.
        mesh_blocks, interaction_blocks: transformer blocks; the first ones' ``in_features`` follow
            from the rest: 3 + backbone channels, and ``interaction_width``.
        interaction_width: width that InteractionNet reduces its input to.
        ik_width: inner width of the IKNets.
    """

    backbone: HRNetConfig = field(default_factory=HRNetConfig)
    mesh_blocks: tuple[BlockConfig, ...] = (
        BlockConfig(2051, 1024, 512),
        BlockConfig(512, 256, 128),
        BlockConfig(128, 128, 3),
    )
    interaction_blocks: tuple[BlockConfig, ...] = (
        BlockConfig(512, 256, 128),
        BlockConfig(128, 64, 4),
    )
    interaction_width: int = 512
    ik_width: int = 1024


class DiceTemplate(NamedTuple):
    """Points of the resting hand and head that mark the tokens; see ``body.dice_template``.

    Attributes:
        hand_joints: (21, 3) float32, metres.
        face_landmarks: (68, 3) float32, metres.
        hand_vertices: (195, 3) float32, metres.
        head_vertices: (559, 3) float32, metres.
    """

    hand_joints: Tensor
    face_landmarks: Tensor
    hand_vertices: Tensor
    head_vertices: Tensor

    def centred(self) -> Tensor:
        """(843, 3): hand points minus the mean hand vertex, head points minus the mean head one."""
        hand, head = self.hand_vertices.mean(dim=0), self.head_vertices.mean(dim=0)
        return torch.cat(
            [
                self.hand_joints - hand,
                self.face_landmarks - head,
                self.hand_vertices - hand,
                self.head_vertices - head,
            ]
        )


class HandOutput(NamedTuple):
    """What the network says about the hand (a right one).

    Attributes:
        joints: (B, 21, 3).
        vertices_coarse: (B, 195, 3).
        vertices: (B, 778, 3), free vertices, not a MANO mesh.
        contact_coarse: (B, 195, 1) probability.
        contact: (B, 778, 1) probability.
        parameters: MANO parameters that describe ``vertices``.
    """

    joints: Tensor
    vertices_coarse: Tensor
    vertices: Tensor
    contact_coarse: Tensor
    contact: Tensor
    parameters: ManoParameters


class HeadOutput(NamedTuple):
    """What the network says about the head.

    Attributes:
        landmarks: (B, 68, 3).
        vertices_coarse, vertices_middle, vertices: (B, 559 | 1675 | 5023, 3), not deformed.
        contact_coarse, contact_middle, contact: (B, 559 | 1675 | 5023, 1) probability.
        deformation_coarse, deformation_middle: (B, 559 | 1675, 3), not gated.
        deformation: (B, 5023, 3), zero where presence is not above one half. The published sign:
            to be **subtracted** from the head.
        parameters: FLAME parameters that describe ``vertices_middle``.
    """

    landmarks: Tensor
    vertices_coarse: Tensor
    vertices_middle: Tensor
    vertices: Tensor
    contact_coarse: Tensor
    contact_middle: Tensor
    contact: Tensor
    deformation_coarse: Tensor
    deformation_middle: Tensor
    deformation: Tensor
    parameters: FlameParameters


class DiceOutput(NamedTuple):
    """Everything the network says about a batch of crops.

    Attributes:
        camera: (B, 3): scale and two shifts; see ``camera_placement``.
        presence: (B, 1) probability that the hand touches the face.
        hand: the hand.
        head: the head.
    """

    camera: Tensor
    presence: Tensor
    hand: HandOutput
    head: HeadOutput


class DiceNetwork(nn.Module):
    """The network; call :meth:`eval` before use.

    Args:
        config: widths.
        template: points that mark the tokens; part of the bodies, not of the weights.
    """

    template: Tensor

    def __init__(self, config: DiceConfig, template: DiceTemplate) -> None:
        super().__init__()
        channels = config.backbone.out_channels
        self.backbone = HRNet(config.backbone)
        self.token_mixer = nn.Conv1d(_POSITIONS, TOKENS, kernel_size=1)
        self.mesh_net = nn.ModuleList([MeshTransformerBlock(item) for item in config.mesh_blocks])
        self.interaction_entry = nn.Linear(3 + channels, config.interaction_width)
        self.interaction_net = nn.ModuleList(
            [MeshTransformerBlock(item) for item in config.interaction_blocks]
        )
        self.hand_upsampling = nn.Linear(HAND_COARSE, HAND_FULL)
        self.head_upsampling = TwoSteps()
        self.deformation_upsampling = TwoSteps()
        self.hand_contact_upsampling = nn.Linear(HAND_COARSE, HAND_FULL)
        self.head_contact_upsampling = TwoSteps()
        self.hand_ik = IKNet(HAND_FULL, sum(HAND_PARAMETERS), config.ik_width)
        self.face_ik = IKNet(HEAD_MIDDLE, sum(FACE_PARAMETERS), config.ik_width)
        self.camera_head = CameraHead()
        self.presence_head = PresenceHead(channels)
        # Not persistent: a checkpoint holds weights only.
        self.register_buffer("template", template.centred(), persistent=False)

    def forward(self, image: Tensor) -> DiceOutput:
        """Run everything.

        Args:
            image: (B, 3, 224, 224) float32, normalised crop, channels **BGR** (as published).
        """
        features = self.features(image)
        tokens = self.tokens(features)
        points = run_blocks(self.mesh_net, tokens)  # (B, 843, 3)
        skin = run_blocks(self.interaction_net, self.interaction_entry(tokens))  # (B, 843, 4)
        presence = self.presence_head(features)
        joints, landmarks, hand, head = torch.split(points, TOKEN_SPLIT, dim=1)
        return DiceOutput(
            camera=self.camera_head(points),
            presence=presence,
            hand=self._hand(joints, hand, skin),
            head=self._head(landmarks, head, skin, presence),
        )

    def features(self, image: Tensor) -> Tensor:
        """(B, 3, 224, 224) -> (B, 49, channels), rows of the 7x7 map one after the other."""
        maps: Tensor = self.backbone(image)
        return maps.flatten(2).transpose(1, 2)

    def tokens(self, features: Tensor) -> Tensor:
        """(B, 49, channels) -> (B, 843, 3 + channels), the template's point in front."""
        mixed = self.token_mixer(features)  # (B, 843, channels)
        template = self.template.expand(mixed.shape[0], -1, -1)
        return torch.cat([template, mixed], dim=-1)

    def _hand(self, joints: Tensor, coarse: Tensor, skin: Tensor) -> HandOutput:
        vertices = along_vertices(self.hand_upsampling, coarse)
        logits = skin[:, HAND_JOINTS + FACE_LANDMARKS : -HEAD_COARSE, 3:]
        return HandOutput(
            joints=joints,
            vertices_coarse=coarse,
            vertices=vertices,
            contact_coarse=torch.sigmoid(logits),
            contact=torch.sigmoid(along_vertices(self.hand_contact_upsampling, logits)),
            parameters=ManoParameters(*torch.split(self.hand_ik(vertices), HAND_PARAMETERS, dim=1)),
        )

    def _head(
        self, landmarks: Tensor, coarse: Tensor, skin: Tensor, presence: Tensor
    ) -> HeadOutput:
        middle, full = self.head_upsampling(coarse)
        skin = skin[:, -HEAD_COARSE:]
        deformation_middle, deformation = self.deformation_upsampling(skin[..., :3])
        logits_middle, logits = self.head_contact_upsampling(skin[..., 3:])
        # The coarser levels stay ungated, as in the published network.
        gate = (presence > PRESENCE_THRESHOLD).to(deformation.dtype)[:, :, None]
        return HeadOutput(
            landmarks=landmarks,
            vertices_coarse=coarse,
            vertices_middle=middle,
            vertices=full,
            contact_coarse=torch.sigmoid(skin[..., 3:]),
            contact_middle=torch.sigmoid(logits_middle),
            contact=torch.sigmoid(logits),
            deformation_coarse=skin[..., :3],
            deformation_middle=deformation_middle,
            deformation=deformation * gate,
            parameters=FlameParameters(*torch.split(self.face_ik(middle), FACE_PARAMETERS, dim=1)),
        )


class CameraHead(nn.Module):
    """Weak-perspective camera from all predicted points."""

    def __init__(self) -> None:
        super().__init__()
        self.point = nn.Linear(3, 1)
        self.mix = nn.Linear(TOKENS, _CAMERA_WIDTH)
        self.out = nn.Linear(_CAMERA_WIDTH, 3)

    def forward(self, points: Tensor) -> Tensor:
        """(B, 843, 3) -> (B, 3)."""
        y: Tensor = self.out(self.mix(self.point(points).squeeze(-1)))
        return y


class PresenceHead(nn.Module):
    """Whether hand and face touch, from the feature map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.position = nn.Sequential(
            nn.Linear(channels, 512), nn.ReLU(), nn.Linear(512, 64), nn.ReLU(), nn.Linear(64, 1)
        )
        self.pool = nn.Linear(_POSITIONS, 1)

    def logit(self, features: Tensor) -> Tensor:
        """(B, 49, channels) -> (B, 1) log odds."""
        y: Tensor = self.pool(self.position(features).squeeze(-1))
        return y

    def forward(self, features: Tensor) -> Tensor:
        """(B, 49, channels) -> (B, 1) probability."""
        return torch.sigmoid(self.logit(features))


class TwoSteps(nn.Module):
    """Head up-sampling 559 -> 1675 -> 5023, linear over the vertices."""

    def __init__(self) -> None:
        super().__init__()
        self.middle = nn.Linear(HEAD_COARSE, HEAD_MIDDLE)
        self.full = nn.Linear(HEAD_MIDDLE, HEAD_FULL)

    def forward(self, coarse: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 559, C) -> (B, 1675, C), (B, 5023, C)."""
        middle = along_vertices(self.middle, coarse)
        return middle, along_vertices(self.full, middle)


def along_vertices(linear: nn.Linear, x: Tensor) -> Tensor:
    """Apply a linear map over the vertex axis: (B, V, C) -> (B, V', C)."""
    y: Tensor = linear(x.transpose(1, 2)).transpose(1, 2)
    return y
