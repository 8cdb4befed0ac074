"""Transformer blocks over mesh tokens, each narrowing the features (METRO, Lin et al. 2021).

A block embeds its tokens, adds a learned position to each, runs post-norm BERT layers and adds a
linear shortcut from its input. B crops, T tokens, D hidden width.
"""

from __future__ import annotations

from dataclasses import dataclass

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


class MeshTransformerBlock(nn.Module):
    """Tokens in, narrower tokens out."""

    def __init__(self, config: BlockConfig) -> None:
        super().__init__()
        self.embedding = nn.Linear(config.in_features, config.hidden)
        self.positions = nn.Embedding(POSITIONS, config.hidden)
        self.layers = nn.ModuleList([TransformerLayer(config) for _ in range(config.layers)])
        self.head = nn.Linear(config.hidden, config.out_features)
        self.shortcut = nn.Linear(config.in_features, config.out_features)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T, in_features) -> (B, T, out_features); T at most :data:`POSITIONS`."""
        x = self.embedding(tokens) + self.positions.weight[: tokens.shape[1]]
        return self.transform(x, self.shortcut(tokens))

    def transform(self, embedded: Tensor, shortcut: Tensor, rows: slice = ALL_ROWS) -> Tensor:
        """What follows the embedding, for callers that compute that in another way.

        Args:
            embedded: (B, T, D) tokens, embedded, with their positions.
            shortcut: (B, R, out_features) what the input adds to the output, for these rows.
            rows: tokens whose output is wanted, R of them; attention still sees all.

        Returns:
            (B, R, out_features).
        """
        x = embedded
        for layer in self.layers[:-1]:
            x = layer(x)
        x = self.layers[-1](x, rows)
        y: Tensor = self.head(x) + shortcut
        return y


class TransformerLayer(nn.Module):
    """Self-attention and a feed-forward part, each added to its input and normalised after."""

    def __init__(self, config: BlockConfig) -> None:
        super().__init__()
        width = config.hidden
        self._heads = config.heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.attention_out = nn.Linear(width, width)
        self.attention_norm = nn.LayerNorm(width, eps=_NORM_EPS)
        self.expand = nn.Linear(width, config.feed_forward)
        self.contract = nn.Linear(config.feed_forward, width)
        self.output_norm = nn.LayerNorm(width, eps=_NORM_EPS)

    def forward(self, x: Tensor, rows: slice = ALL_ROWS) -> Tensor:
        """(B, T, D) -> (B, R, D), R the number of rows that are wanted."""
        asking = x if rows == ALL_ROWS else x[:, rows]
        attended = scaled_dot_product_attention(
            self._split(self.query(asking)), self._split(self.key(x)), self._split(self.value(x))
        )  # (B, heads, R, D / heads)
        x = self.attention_norm(self.attention_out(attended.transpose(1, 2).flatten(2)) + asking)
        y: Tensor = self.output_norm(self.contract(gelu(self.expand(x))) + x)
        return y

    def _split(self, x: Tensor) -> Tensor:
        heads: Tensor = x.reshape(*x.shape[:2], self._heads, -1)
        return heads.transpose(1, 2)


def run_blocks(blocks: nn.ModuleList, tokens: Tensor) -> Tensor:
    """Run blocks one after the other."""
    for block in blocks:
        tokens = block(tokens)
    return tokens
