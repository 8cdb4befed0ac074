"""Everything between a normalised crop and the numbers that are published, as one graph.

Network, bodies and post-processing in one module, so that an engine takes it whole. The published
arithmetic can be replaced, step by step, by cheaper arithmetic that computes the same function
(:class:`Simplifications`). B crops.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import torch
from torch import Tensor, nn

from dice_ros.body.flame import FlameParameters
from dice_ros.body.flame_arrays import FlameArrays
from dice_ros.body.mano import ManoParameters
from dice_ros.body.mano_arrays import ManoArrays
from dice_ros.networks.batch_norm_folding import fold_batch_norms
from dice_ros.networks.dice import (
    FACE_LANDMARKS,
    FACE_PARAMETERS,
    HAND_COARSE,
    HAND_JOINTS,
    HAND_PARAMETERS,
    HEAD_COARSE,
    TOKEN_SPLIT,
    DiceNetwork,
    TwoSteps,
    along_vertices,
)
from dice_ros.networks.dice_postprocess import DicePostprocess, FreeMeshes
from dice_ros.networks.memory_layout import use_channels_last
from dice_ros.networks.mesh_transformer import (
    ALL_ROWS,
    BlockEntry,
    MeshTransformerBlock,
    Projections,
    TransformerLayer,
    run_blocks_from,
)

_SKIN_ROWS = slice(HAND_JOINTS + FACE_LANDMARKS, None)
"""Tokens of vertices: only their contact and deformation is read."""


@dataclass(frozen=True, slots=True)
class Simplifications:
    """Exact rewritings of the graph; each gives the same numbers up to rounding.

    Attributes:
        fold_batch_norms: into the layers before them.
        fold_upsampling: the two linear steps 559 -> 1675 -> 5023 of contact and deformation become
            one matrix, because nobody reads their middle.
        reassociate_tokens: the features are embedded first, at 49 positions, and then mixed into
            843 tokens; both are linear, so the order does not matter.
        precompute_constants: what template, positions and biases add to each token is one stored
            table.
        project_features: what else is linear in the tokens is taken from the 49 positions too:
            queries, keys and values of the first layers, the embedding behind InteractionNet's
            entry. Needs ``reassociate_tokens``.
        drop_unread: outputs that the meshes do not need are not computed: free vertices of
            parametric meshes, skin values of joints and landmarks.
    """

    fold_batch_norms: bool = True
    fold_upsampling: bool = True
    reassociate_tokens: bool = True
    precompute_constants: bool = True
    project_features: bool = True
    drop_unread: bool = True

    @staticmethod
    def none() -> Simplifications:
        """The published arithmetic."""
        return Simplifications(**{item.name: False for item in fields(Simplifications)})


class DiceReading(NamedTuple):
    """What is read off a batch of crops; metres, crop frame, origin at the mean head vertex.

    Attributes:
        scale: (B,) crop pixels per metre.
        shift: (B, 2) crop pixels of the origin.
        presence: (B, 1) probability that hand and face touch.
        head: (B, 5023, 3) undeformed.
        deformation: (B, 5023, 3) deformed minus undeformed, as if hand and face touched; counts
            where ``presence`` says that they do.
        landmarks: (B, 68, 3).
        hand: (B, 778, 3).
        joints: (B, 21, 3) wrist, thumb 1-4, index 1-4, ... pinky 1-4.
        face_contact: (B, 5023) probability.
        hand_contact: (B, 778) probability.
        face_betas: (B, 100).
        face_expression: (B, 50).
        global_orient: (B, 3).
        hand_pose: (B, 45).
        hand_betas: (B, 10).
    """

    scale: Tensor
    shift: Tensor
    presence: Tensor
    head: Tensor
    deformation: Tensor
    landmarks: Tensor
    hand: Tensor
    joints: Tensor
    face_contact: Tensor
    hand_contact: Tensor
    face_betas: Tensor
    face_expression: Tensor
    global_orient: Tensor
    hand_pose: Tensor
    hand_betas: Tensor


class CoreReading(NamedTuple):
    """What the heavy part of the graph says; the rest follows from it cheaply.

    Attributes:
        points: (B, 843, 3) joints, landmarks, hand and head vertices, metres.
        skin: (B, 754, 4) deformation (3) and contact logit of the vertices' tokens.
        presence: (B, 1) log odds that hand and face touch.
    """

    points: Tensor
    skin: Tensor
    presence: Tensor


class DiceCore(nn.Module):
    """Backbone and transformers: 99 % of the arithmetic, and what may run in low precision.

    Args:
        network: in evaluation mode; its parts are taken over.
        chosen: which rewritings to use.
    """

    def __init__(self, network: DiceNetwork, chosen: Simplifications) -> None:
        super().__init__()
        self._drop_unread = chosen.drop_unread
        self.dtype = torch.float32
        self.backbone = network.backbone
        self.tokens = (
            ReassociatedTokens(
                network,
                precompute=chosen.precompute_constants,
                project=chosen.project_features,
            )
            if chosen.reassociate_tokens
            else PublishedTokens(network)
        )
        self.mesh_net = network.mesh_net
        self.interaction_net = network.interaction_net
        self.presence_head = network.presence_head

    def cast(self, dtype: torch.dtype) -> None:
        """Compute in another type from now on; input and output stay float32."""
        self.dtype = dtype
        self.to(dtype)

    def use_channels_last(self) -> None:
        """Lay the backbone's weights out so that neighbouring channels are read at once."""
        use_channels_last(self.backbone)

    def forward(self, image: Tensor) -> CoreReading:
        """(B, 3, 224, 224) float32, normalised crop, channels BGR -> float32."""
        maps: Tensor = self.backbone(image.to(self.dtype))
        features = maps.flatten(2).transpose(1, 2)  # (B, 49, channels)
        mesh_entry, skin_entry = self.tokens(features)
        skin_rows = _SKIN_ROWS if self._drop_unread else ALL_ROWS
        skin = run_blocks_from(self.interaction_net, skin_entry, skin_rows)
        return CoreReading(
            points=run_blocks_from(self.mesh_net, mesh_entry).float(),
            skin=(skin if self._drop_unread else skin[:, _SKIN_ROWS]).float(),
            presence=self.presence_head.logit(features).float(),
        )


class DiceTail(nn.Module):
    """Up-sampling, IKNets, camera, bodies, post-processing: 1 % of the arithmetic, in float32.

    Metres, radians and pixels come from here: half precision would cost millimetres and gain
    nothing.

    Args:
        network: in evaluation mode; its parts are taken over.
        flame, mano: body models.
        parametric: FLAME and MANO meshes; False for the network's free vertices.
        neck_deforms: leave the deformation of the neck as the network gives it.
        chosen: which rewritings to use.
    """

    def __init__(
        self,
        network: DiceNetwork,
        flame: FlameArrays,
        mano: ManoArrays,
        *,
        parametric: bool,
        neck_deforms: bool,
        chosen: Simplifications,
    ) -> None:
        super().__init__()
        self._parametric = parametric
        self._drop_unread = chosen.drop_unread
        self.camera_head = network.camera_head
        self.hand_upsampling = network.hand_upsampling
        self.head_upsampling = network.head_upsampling
        self.hand_contact_upsampling = network.hand_contact_upsampling
        self.head_contact_upsampling = _fine_step(network.head_contact_upsampling, chosen)
        self.deformation_upsampling = _fine_step(network.deformation_upsampling, chosen)
        self.hand_ik = network.hand_ik
        self.face_ik = network.face_ik
        self.bodies = DicePostprocess(flame, mano, parametric=parametric, neck_deforms=neck_deforms)

    def forward(self, core: CoreReading) -> DiceReading:
        """Meshes and probabilities of a batch."""
        joints, landmarks, hand, head = torch.split(core.points, TOKEN_SPLIT, dim=1)
        hand_full = along_vertices(self.hand_upsampling, hand)
        head_middle = along_vertices(self.head_upsampling.middle, head)
        mano = ManoParameters(*torch.split(self.hand_ik(hand_full), HAND_PARAMETERS, dim=1))
        flame = FlameParameters(*torch.split(self.face_ik(head_middle), FACE_PARAMETERS, dim=1))
        free = None
        if not self._parametric or not self._drop_unread:
            head_full = along_vertices(self.head_upsampling.full, head_middle)
            free = FreeMeshes(head_full, landmarks, hand_full, joints)
        hand_skin, head_skin = core.skin[:, :HAND_COARSE], core.skin[:, HAND_COARSE:]
        meshes = self.bodies.meshes(
            self.camera_head(core.points),
            flame,
            mano,
            deformation=self.deformation_upsampling(head_skin[..., :3]),
            free=free,
        )
        face_logits = self.head_contact_upsampling(head_skin[..., 3:])
        hand_logits = along_vertices(self.hand_contact_upsampling, hand_skin[..., 3:])
        return DiceReading(
            scale=meshes.camera.scale,
            shift=meshes.camera.shift,
            presence=torch.sigmoid(core.presence),
            head=meshes.head,
            deformation=meshes.deformation,
            landmarks=meshes.landmarks,
            hand=meshes.hand,
            joints=meshes.joints,
            face_contact=torch.sigmoid(face_logits)[..., 0],
            hand_contact=torch.sigmoid(hand_logits)[..., 0],
            face_betas=flame.betas,
            face_expression=flame.expression,
            global_orient=mano.global_orient,
            hand_pose=mano.hand_pose,
            hand_betas=mano.betas,
        )


class DiceGraph(nn.Module):
    """Normalised crops to :class:`DiceReading`: core, then tail.

    Args:
        network: with its weights, in evaluation mode; copied, not changed.
        flame, mano: body models.
        parametric: FLAME and MANO meshes; False for the network's free vertices.
        neck_deforms: leave the deformation of the neck as the network gives it.
        simplifications: which exact rewritings to use; None takes all.
        dtype: what the core computes in; the tail always in float32.
    """

    def __init__(
        self,
        network: DiceNetwork,
        flame: FlameArrays,
        mano: ManoArrays,
        *,
        parametric: bool = True,
        neck_deforms: bool = False,
        simplifications: Simplifications | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        chosen = simplifications or Simplifications()
        network = copy.deepcopy(network)
        if chosen.fold_batch_norms:
            fold_batch_norms(network)
        self.core = DiceCore(network, chosen)
        self.tail = DiceTail(
            network,
            flame,
            mano,
            parametric=parametric,
            neck_deforms=neck_deforms,
            chosen=chosen,
        )
        self.eval().requires_grad_(False)
        self.core.cast(dtype)

    def forward(self, image: Tensor) -> DiceReading:
        """(B, 3, 224, 224) float32, normalised crop, channels BGR -> float32 reading."""
        reading: DiceReading = self.tail(self.core(image))
        return reading


class PublishedTokens(nn.Module):
    """Tokens as published: mix features, put template points in front, then three linear maps.

    Returns what MeshNet's and InteractionNet's first blocks start from.
    """

    template: Tensor

    def __init__(self, network: DiceNetwork) -> None:
        super().__init__()
        self.token_mixer = network.token_mixer
        self.mesh_block, self.skin_block = _first_blocks(network)
        self.skin_entry = network.interaction_entry
        self.register_buffer("template", network.template, persistent=False)

    def forward(self, features: Tensor) -> tuple[BlockEntry, BlockEntry]:
        """(B, 49, channels) -> 843 tokens for either net."""
        mixed = self.token_mixer(features)
        template = self.template.expand(mixed.shape[0], -1, -1)
        tokens = torch.cat([template, mixed], dim=-1)
        skin = self.skin_entry(tokens)
        return (
            BlockEntry(self.mesh_block.embed(tokens), self.mesh_block.shortcut(tokens)),
            BlockEntry(self.skin_block.embed(skin), self.skin_block.shortcut(skin)),
        )


@dataclass(frozen=True, slots=True, eq=False)
class _TokenMap:
    """An affine map of tokens (template point in front of mixed features), another for each token.

    Attributes:
        weight: (O, 3 + C) float64.
        table: (843, O) float64, what is added: bias and position.
    """

    weight: Tensor
    table: Tensor

    @staticmethod
    def identity(width: int, count: int) -> _TokenMap:
        eye = torch.eye(width, dtype=torch.float64)
        return _TokenMap(eye, torch.zeros(count, width, dtype=torch.float64))

    def then(self, linear: nn.Linear) -> _TokenMap:
        weight, bias = linear.weight.detach().double(), linear.bias.detach().double()
        return _TokenMap(weight @ self.weight, self.table @ weight.T + bias)

    def plus(self, table: Tensor) -> _TokenMap:
        return _TokenMap(self.weight, self.table + table.detach().double())


class ReassociatedTokens(nn.Module):
    """The same maps, applied to 49 positions before they are mixed into 843 tokens.

    With features F (49, C), mixing M (843, 49) and m (843), and a linear map that splits into a
    template part A (3), a feature part W (C) and a table b of biases and positions:
    W (M F + m 1) + A t + b = M (W F) + [ (W 1) m + A t + b ], the bracket being constant.

    Args:
        network: read, not changed.
        precompute: keep the bracket as one table.
        project: compute the projections of the first layers in the same way.
    """

    mixing: Tensor

    def __init__(self, network: DiceNetwork, *, precompute: bool, project: bool) -> None:
        super().__init__()
        count = len(network.template)
        mesh_block, self.skin_block = _first_blocks(network)
        tokens = _TokenMap.identity(network.interaction_entry.in_features, count)
        entry = tokens.then(network.interaction_entry)
        mesh = _embedding_and_shortcut(tokens, mesh_block)
        skin = _embedding_and_shortcut(entry, self.skin_block) if project else (entry,)
        self._precompute = precompute
        self._project = project
        assert network.token_mixer.bias is not None
        self.register_buffer(
            "mixing", network.token_mixer.weight.detach()[:, :, 0].clone(), persistent=False
        )
        offsets = network.token_mixer.bias.detach().double()
        template = network.template.double()
        first = [*mesh, *skin]
        self._widths = [item.weight.shape[0] for item in first]
        self.feature_map = _unbiased(torch.cat([item.weight[:, 3:] for item in first]))
        maps = first
        if project:
            self.mesh_projection, mesh_projected = _projection(mesh[0], mesh_block)
            self.skin_projection, skin_projected = _projection(skin[0], self.skin_block)
            maps = [*first, *mesh_projected, *skin_projected]
        self.tables = nn.ModuleList(
            _TokenTable(item, offsets, template, precompute=precompute) for item in maps
        )

    def forward(self, features: Tensor) -> tuple[BlockEntry, BlockEntry]:
        """(B, 49, channels) -> 843 tokens for either net."""
        mapped = torch.split(self.feature_map(features), self._widths, dim=-1)
        if not self._project:
            embedded, shortcut, tokens = self._mixed(mapped)
            return (
                BlockEntry(embedded, shortcut),
                BlockEntry(self.skin_block.embed(tokens), self.skin_block.shortcut(tokens)),
            )
        mesh = self.mesh_projection(mapped[0]).chunk(3, dim=-1)
        skin = self.skin_projection(mapped[2]).chunk(3, dim=-1)
        parts = self._mixed((*mapped, *mesh, *skin))
        return (
            BlockEntry(parts[0], parts[1], Projections(*parts[4:7])),
            BlockEntry(parts[2], parts[3], Projections(*parts[7:])),
        )

    def _mixed(self, mapped: Sequence[Tensor]) -> list[Tensor]:
        """From 49 positions to 843 tokens, one product for each map: nothing is split after."""
        return [
            torch.matmul(self.mixing, item) + table()
            for item, table in zip(mapped, self.tables, strict=True)
        ]


class _TokenTable(nn.Module):
    """(843, O) what a map gives every token whatever the image: kept, or computed each time."""

    def __init__(
        self, token_map: _TokenMap, offsets: Tensor, template: Tensor, *, precompute: bool
    ) -> None:
        super().__init__()
        parts = {
            "offsets": offsets,
            # In float64: two thousand terms that nearly cancel.
            "row_sums": token_map.weight[:, 3:].sum(dim=1),
            "template": template,
            "template_weight": token_map.weight[:, :3].T,
            "table": token_map.table,
        }
        if precompute:
            parts = {"constant": _constant(**parts)}
        self._names = tuple(parts)
        for name, tensor in parts.items():
            self.register_buffer(name, tensor.float().contiguous(), persistent=False)

    def forward(self) -> Tensor:
        """The table."""
        parts = {name: getattr(self, name) for name in self._names}
        constant: Tensor = parts["constant"] if "constant" in parts else _constant(**parts)
        return constant


def _embedding_and_shortcut(
    start: _TokenMap, block: MeshTransformerBlock
) -> tuple[_TokenMap, _TokenMap]:
    embedded = start.then(block.embedding).plus(block.positions.weight[: len(start.table)])
    return embedded, start.then(block.shortcut)


def _projection(
    embedded: _TokenMap, block: MeshTransformerBlock
) -> tuple[nn.Linear, list[_TokenMap]]:
    """Query, key and value of the first layer: from embedded positions, and as maps of tokens."""
    layer = block.layers[0]
    assert isinstance(layer, TransformerLayer)
    linears = (layer.query, layer.key, layer.value)
    weight = torch.cat([linear.weight.detach() for linear in linears])
    return _unbiased(weight), [embedded.then(linear) for linear in linears]


def _unbiased(weight: Tensor) -> nn.Linear:
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    linear.weight = nn.Parameter(weight.float().clone(), requires_grad=False)
    return linear


def _first_blocks(network: DiceNetwork) -> tuple[MeshTransformerBlock, MeshTransformerBlock]:
    mesh, skin = network.mesh_net[0], network.interaction_net[0]
    assert isinstance(mesh, MeshTransformerBlock)
    assert isinstance(skin, MeshTransformerBlock)
    return mesh, skin


def _constant(
    *, offsets: Tensor, row_sums: Tensor, template: Tensor, template_weight: Tensor, table: Tensor
) -> Tensor:
    """(843, widths) what every token gets whatever the image."""
    return offsets[:, None] * row_sums + template @ template_weight + table


class _FineStep(nn.Module):
    """Two published up-sampling steps, the middle left unread."""

    def __init__(self, steps: TwoSteps) -> None:
        super().__init__()
        self.steps = steps

    def forward(self, coarse: Tensor) -> Tensor:
        fine: Tensor = self.steps(coarse)[1]
        return fine


class _FoldedStep(nn.Module):
    """Both steps as one matrix: (W2 W1) x + (W2 b1 + b2)."""

    def __init__(self, steps: TwoSteps) -> None:
        super().__init__()
        first, second = steps.middle, steps.full
        self.linear = nn.Linear(HEAD_COARSE, second.out_features)
        weight = second.weight.double() @ first.weight.double()
        bias = second.weight.double() @ first.bias.double() + second.bias.double()
        self.linear.weight = nn.Parameter(weight.to(second.weight.dtype), requires_grad=False)
        self.linear.bias = nn.Parameter(bias.to(second.weight.dtype), requires_grad=False)

    def forward(self, coarse: Tensor) -> Tensor:
        return along_vertices(self.linear, coarse)


def _fine_step(steps: TwoSteps, chosen: Simplifications) -> nn.Module:
    return _FoldedStep(steps) if chosen.fold_upsampling else _FineStep(steps)
