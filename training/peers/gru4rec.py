"""GRU4Rec (Hidasi et al., ICLR 2016; CIKM 2018): a GRU over the latest purchases, softmax loss."""

from dataclasses import dataclass
from datetime import datetime

import polars as pl
from torch import Tensor, nn

from training.peers.pages import Pages
from training.peers.sequences import ranked


@dataclass(frozen=True, slots=True)
class Gru4Rec:
    dimension: int = 64
    units: int = 128
    dropout: float = 0.1
    length: int = 100  # purchases
    windows: int = 3  # of each user, the latest
    epochs: int = 8
    batch: int = 32  # windows
    learning_rate: float = 3e-3
    negatives: int = 256  # a batch's sampled items; 0 takes the softmax over all


class Encoder(nn.Module):
    def __init__(self, parameters: Gru4Rec) -> None:
        super().__init__()
        self.dropout = nn.Dropout(parameters.dropout)
        self.recurrent = nn.GRU(parameters.dimension, parameters.units, batch_first=True)
        self.out = nn.Linear(parameters.units, parameters.dimension)

    def forward(self, vectors: Tensor) -> Tensor:
        """(B, L, D) to (B, L, D)."""
        states, _ = self.recurrent(self.dropout(vectors))
        found: Tensor = self.out(self.dropout(states))
        return found


def rank(
    purchases: pl.DataFrame,
    cutoff: datetime,
    user_ids: pl.Series,
    count: int,
    parameters: Gru4Rec,
    seed: int,
) -> Pages:
    return ranked(purchases, cutoff, user_ids, count, parameters, lambda: Encoder(parameters), seed)
