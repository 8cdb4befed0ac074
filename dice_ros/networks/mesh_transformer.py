"""Transformer blocks over mesh tokens, each narrowing the features (METRO, Lin et al. 2021).

A block embeds its tokens, adds a learned position to each, runs post-norm BERT layers and adds a
linear shortcut from its input. B crops, T tokens, D hidden width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

POSITIONS = 1024
"""Rows of the position table; tokens beyond the first T of them are never read."""

HEADS = 4
"""Attention heads of every published block."""

ALL_ROWS = slice(None)

_NORM_EPS = 1e-12


@dataclass(frozen=True, slots=True)
class BlockConfig:
    """Widths of one block.

    Attributes:
        in_features, hidden, out_features: widths of its input, its layers and its output.
        layers: BERT layers.
        heads: attention heads.
        feed_forward: inner width of the feed-forward part. The published networks have 3072 in
            every block, whatever the hidden width.
    """

    in_features: int
    hidden: int
    out_features: int
    layers: int = 4
    heads: int = HEADS
    feed_forward: int = 3072


class Projections(NamedTuple):
    """What attention compares and mixes: (B, T, D) each."""

    query: Tensor
    key: Tensor
    value: Tensor


class BlockEntry(NamedTuple):
    """What a block starts from.

    Attributes:
        embedded: (B, T, D) tokens, embedded, with their positions.
        shortcut: (B, T, out_features) what the input adds to the output.
        projected: of the first layer, if somebody computed them already.
    """

    embedded: Tensor
    shortcut: Tensor
    projected: Projections | None = None


class MeshTransformerBlock(nn.Module):
    """Tokens in, narrower tokens out."""

    def __init__(self, config: BlockConfig) -> None:
        super().__init__()
        self.embedding = nn.Linear(config.in_features, config.hidden)
        # The usual way draws random numbers, to be overwritten, and loads much of PyTorch for it.
        zeros = torch.zeros(POSITIONS, config.hidden)
        self.positions: nn.Embedding = nn.Embedding.from_pretrained(  # type: ignore[no-untyped-call]
            zeros, freeze=False
        )
        self.layers = nn.ModuleList([TransformerLayer(config) for _ in range(config.layers)])
        self.head = nn.Linear(config.hidden, config.out_features)
        self.shortcut = nn.Linear(config.in_features, config.out_features)

    def forward(self, tokens: Tensor, rows: slice = ALL_ROWS) -> Tensor:
        """(B, T, in_features) -> (B, R, out_features); T at most :data:`POSITIONS`.

        Args:
            tokens: all tokens.
            rows: tokens whose output is wanted, R of them; attention still sees all.
        """
        return self._run(self.embed(tokens), self.shortcut(tokens[:, rows]), rows, None)

    def embed(self, tokens: Tensor) -> Tensor:
        """(B, T, in_features) -> (B, T, D), with positions."""
        embedded: Tensor = self.embedding(tokens)
        return embedded + self.positions.weight[: tokens.shape[1]]

    def transform(self, entry: BlockEntry, rows: slice = ALL_ROWS) -> Tensor:
        """What follows the embedding, for callers that compute that in another way.

        Returns:
            (B, R, out_features).
        """
        return self._run(entry.embedded, entry.shortcut[:, rows], rows, entry.projected)

    def _run(
        self, x: Tensor, shortcut: Tensor, rows: slice, projected: Projections | None
    ) -> Tensor:
        *others, last = self.layers
        for layer in others:
            x = layer(x, projected=projected)
            projected = None
        y: Tensor = self.head(last(x, rows, projected)) + shortcut
        return y


class TransformerLayer(nn.Module):
    """Self-attention and a feed-forward part, each added to its input and normalised after."""

    def __init__(self, config: BlockConfig) -> None:
        super().__init__()
        width = config.hidden
        self.heads = config.heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.attention_out = nn.Linear(width, width)
        self.attention_norm = nn.LayerNorm(width, eps=_NORM_EPS)
        self.expand = nn.Linear(width, config.feed_forward)
        self.contract = nn.Linear(config.feed_forward, width)
        self.output_norm = nn.LayerNorm(width, eps=_NORM_EPS)

    def forward(
        self, x: Tensor, rows: slice = ALL_ROWS, projected: Projections | None = None
    ) -> Tensor:
        """(B, T, D) -> (B, R, D), R the number of rows that are wanted."""
        asking = x if rows == ALL_ROWS else x[:, rows]
        if projected is None:
            projected = Projections(self.query(asking), self.key(x), self.value(x))
        elif rows != ALL_ROWS:
            projected = projected._replace(query=projected.query[:, rows])
        attended = attend(projected, self.heads)
        x = self.attention_norm(self.attention_out(attended) + asking)
        y: Tensor = self.output_norm(self.contract(gelu(self.expand(x))) + x)
        return y


def attend(projected: Projections, heads: int) -> Tensor:
    """(B, R, D): each query's mixture of the values, head by head."""
    query, key, value = (
        item.reshape(*item.shape[:2], heads, -1).transpose(1, 2) for item in projected
    )
    attended = scaled_dot_product_attention(query, key, value)  # (B, heads, R, D / heads)
    return attended.transpose(1, 2).flatten(2)


def run_blocks(blocks: nn.ModuleList, tokens: Tensor) -> Tensor:
    """Run blocks one after the other."""
    for block in blocks:
        tokens = block(tokens)
    return tokens


def run_blocks_from(blocks: nn.ModuleList, entry: BlockEntry, rows: slice = ALL_ROWS) -> Tensor:
    """The same from what the first block starts from; only some rows are wanted in the end."""
    first, *others = blocks
    assert isinstance(first, MeshTransformerBlock)
    if not others:
        return first.transform(entry, rows)
    x = first.transform(entry)
    for block in others[:-1]:
        x = block(x)
    y: Tensor = others[-1](x, rows)
    return y
