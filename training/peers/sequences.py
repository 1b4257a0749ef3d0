"""What plain next-item models share: windows of histories, the softmax over items, the loop, the scores.

A history is a user's purchases by time. What was bought at one time has no order, so it is shuffled for
each epoch: in the order of keys a model would learn the keys.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from training.peers.coded import Coded, coded
from training.peers.pages import Pages, Scores, best_scored

PADDING = 0  # row of the item table; item i has row i + 1


class Lesson(Protocol):
    """What the parameters of every next-item model say of how it is taught."""

    @property
    def dimension(self) -> int: ...
    @property
    def length(self) -> int: ...  # purchases that are looked back at
    @property
    def windows(self) -> int: ...  # of that length, the latest of each user
    @property
    def epochs(self) -> int: ...
    @property
    def batch(self) -> int: ...  # windows
    @property
    def learning_rate(self) -> float: ...
    @property
    def negatives(self) -> int: ...  # sampled items that a batch shares; 0: all items


class NextItem(nn.Module):
    """An encoder of prefixes, (B, L, D) to (B, L, D), between item vectors that are read and scored."""

    def __init__(self, encoder: nn.Module, at: Coded, dimension: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.table = nn.Embedding(at.shape[1] + 1, dimension, padding_idx=PADDING)
        self.bias = nn.Parameter(frequencies(at).log())  # starts from popularity
        nn.init.normal_(self.table.weight, std=0.02)

    def forward(self, rows: Tensor) -> Tensor:
        """(B, L) rows to (B, L, D): each place of what is up to there."""
        encoded: Tensor = self.encoder(self.table(rows))
        return encoded

    def logits(self, encoded: Tensor, rows: Tensor) -> Tensor:
        """(M, D) and (K,) rows to (M, K)."""
        found: Tensor = encoded @ self.table(rows).T + self.bias[rows]
        return found


@dataclass(frozen=True, slots=True)
class Sampler:
    """Draws purchases, and keeps the items among them; `log_chance` corrects for it (logQ)."""

    rows: NDArray[np.int64]  # (n,) of all purchases
    count: int
    log_chance: Tensor  # (I + 1,) log of the chance to be among the drawn


def ranked(
    purchases: pl.DataFrame,
    cutoff: datetime,
    user_ids: pl.Series,
    count: int,
    lesson: Lesson,
    encoder: Callable[[], nn.Module],
    seed: int,
) -> Pages:
    """By a model with a new encoder, taught as the lesson says."""
    at = coded(purchases, cutoff)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = NextItem(encoder(), at, lesson.dimension)
        learn(model, at, lesson, seed)
    return best_scored(at, user_ids, count, scores(model, at, lesson, seed))


def learn(model: NextItem, at: Coded, lesson: Lesson, seed: int) -> None:
    draw = np.random.default_rng(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=lesson.learning_rate)
    others = sampler(at, lesson.negatives) if lesson.negatives else None
    model.train()
    for _ in range(lesson.epochs):
        rows, offsets = by_user(at, draw)
        for window in batches(rows, offsets, lesson, draw):
            optimizer.zero_grad()
            torch.autograd.backward(loss(model, torch.from_numpy(window), others, draw))
            optimizer.step()


def scores(model: NextItem, at: Coded, lesson: Lesson, seed: int) -> Scores:
    """Of every item after the latest purchases."""
    rows, offsets = by_user(at, np.random.default_rng(seed))
    every = torch.arange(1, at.shape[1] + 1)
    model.eval()

    def of(users: NDArray[np.int64]) -> NDArray[np.floating]:
        ends = offsets[users + 1]
        starts = np.maximum(offsets[users], ends - lesson.length)
        with torch.no_grad():
            encoded = model(torch.from_numpy(padded(rows, starts, ends)))
            last = encoded[torch.arange(len(users)), torch.from_numpy(ends - starts - 1)]
            found: NDArray[np.floating] = model.logits(last, every).numpy()
        return found

    return of


def by_user(at: Coded, draw: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(n,) rows by user and time, and (N + 1,) where each user's begin."""
    order = np.lexsort((draw.random(len(at.item)), at.basket, -at.age_days, at.user))
    offsets = np.searchsorted(at.user[order], np.arange(at.shape[0] + 1))
    return at.item[order] + 1, offsets


def batches(
    rows: NDArray[np.int64], offsets: NDArray[np.int64], lesson: Lesson, draw: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """(B, length + 1) windows, of each user from the latest back; no purchase is a target twice."""
    counts = -(-np.maximum(np.diff(offsets) - 1, 0) // lesson.length)
    counts = np.minimum(counts, lesson.windows)
    user = np.repeat(np.arange(len(counts)), counts)
    back = np.arange(len(user)) - np.repeat(np.cumsum(counts) - counts, counts)
    ends = offsets[user + 1] - back * lesson.length
    starts = np.maximum(offsets[user], ends - lesson.length - 1)
    order = draw.permutation(len(user))
    for first in range(0, len(order), lesson.batch):
        some = order[first : first + lesson.batch]
        yield padded(rows, starts[some], ends[some])


def padded(
    rows: NDArray[np.int64], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.int64]:
    """(B, longest) the slices, filled up at their ends."""
    places = starts[:, None] + np.arange((ends - starts).max(initial=1))
    inside = places < ends[:, None]
    return np.where(inside, rows[np.minimum(places, len(rows) - 1)], PADDING)


def loss(
    model: NextItem, window: Tensor, sampler: Sampler | None, draw: np.random.Generator
) -> Tensor:
    """Mean cross entropy of the purchases (B, L + 1), each after those before it."""
    wanted = window[:, 1:]
    inside = wanted != PADDING
    encoded, target = model(window[:, :-1])[inside], wanted[inside]
    if sampler is None:
        every = torch.arange(1, model.table.num_embeddings)
        return cross_entropy(model.logits(encoded, every), target - 1)
    others = torch.from_numpy(np.unique(draw.choice(sampler.rows, sampler.count)))
    own = (encoded * model.table(target)).sum(dim=1) + model.bias[target]
    own = own - sampler.log_chance[target]
    against = model.logits(encoded, others) - sampler.log_chance[others]
    against = against.masked_fill(target[:, None] == others, -torch.inf)
    logits = torch.cat([own[:, None], against], dim=1)
    return cross_entropy(logits, torch.zeros(len(target), dtype=torch.int64))


def frequencies(at: Coded) -> Tensor:
    """(I + 1,) share of each row in all purchases; padding as if bought once."""
    often = np.bincount(at.item + 1, minlength=at.shape[1] + 1).clip(min=1)
    return torch.from_numpy(often / len(at.item)).float()


def sampler(at: Coded, count: int) -> Sampler:
    missed = count * torch.log1p(-frequencies(at))  # log
    return Sampler(at.item + 1, count, (-torch.expm1(missed)).log())
