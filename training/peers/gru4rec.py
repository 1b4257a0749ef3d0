"""GRU4Rec (Hidasi et al., ICLR 2016; CIKM 2018): a GRU over the latest purchases, softmax loss."""

from dataclasses import dataclass
from datetime import datetime

import polars as pl
import torch
from torch import Tensor, nn

from training.peers.coded import coded
from training.peers.pages import Pages, best_scored
from training.peers.sequences import Lesson, NextItem, learn, scores


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
    at = coded(purchases, cutoff)
    lesson = Lesson(
        parameters.length,
        parameters.windows,
        parameters.epochs,
        parameters.batch,
        parameters.learning_rate,
        parameters.negatives,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = NextItem(Encoder(parameters), at, parameters.dimension)
        learn(model, at, lesson, seed)
    return best_scored(at, user_ids, count, scores(model, at, lesson, seed))
