"""SASRec (Kang and McAuley, ICDM 2018): a causal Transformer over the latest purchases, softmax loss."""

from dataclasses import dataclass
from datetime import datetime

import polars as pl
import torch
from torch import Tensor, nn

from training.peers.pages import Pages
from training.peers.sequences import ranked


@dataclass(frozen=True, slots=True)
class SasRec:
    dimension: int = 64
    blocks: int = 2
    heads: int = 2
    dropout: float = 0.1
    length: int = 100  # purchases
    windows: int = 3  # of each user, the latest
    epochs: int = 10
    batch: int = 32  # windows
    learning_rate: float = 3e-3
    negatives: int = 256  # a batch's sampled items; 0 takes the softmax over all


class Encoder(nn.Module):
    def __init__(self, parameters: SasRec) -> None:
        super().__init__()
        size = parameters.dimension
        self.positions = nn.Parameter(torch.randn(parameters.length, size) * 0.02)
        self.dropout = nn.Dropout(parameters.dropout)
        self.blocks = nn.ModuleList(Block(parameters) for _ in range(parameters.blocks))
        self.norm = nn.LayerNorm(size)

    def forward(self, vectors: Tensor) -> Tensor:
        """(B, L, D) to (B, L, D); padding stands at the end, where no earlier place looks."""
        length, size = vectors.shape[1:]
        found = self.dropout(vectors * size**0.5 + self.positions[:length])
        for block in self.blocks:
            found = block(found)
        normed: Tensor = self.norm(found)
        return normed


class Block(nn.Module):
    def __init__(self, parameters: SasRec) -> None:
        super().__init__()
        size = parameters.dimension
        self.heads = parameters.heads
        self.before, self.between = nn.LayerNorm(size), nn.LayerNorm(size)
        self.triple, self.out = nn.Linear(size, 3 * size), nn.Linear(size, size)
        self.feed = nn.Sequential(
            nn.Linear(size, size), nn.ReLU(), nn.Dropout(parameters.dropout), nn.Linear(size, size)
        )
        self.dropout = nn.Dropout(parameters.dropout)

    def forward(self, vectors: Tensor) -> Tensor:
        batch, length, size = vectors.shape
        triple = self.triple(self.before(vectors)).view(batch, length, 3, self.heads, -1)
        query, key, value = triple.permute(2, 0, 3, 1, 4)  # each (B, H, L, D / H)
        seen = nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        seen = self.out(seen.transpose(1, 2).reshape(batch, length, size))
        vectors = vectors + self.dropout(seen)
        fed: Tensor = vectors + self.dropout(self.feed(self.between(vectors)))
        return fed


def rank(
    purchases: pl.DataFrame,
    cutoff: datetime,
    user_ids: pl.Series,
    count: int,
    parameters: SasRec,
    seed: int,
) -> Pages:
    return ranked(purchases, cutoff, user_ids, count, parameters, lambda: Encoder(parameters), seed)
