"""Pre-processing and cross features, as modules: they are part of every model's graph.

Shapes: B requests, C candidates of each, L entries of a list, F or G columns. Matches compare raw keys,
so that they hold for items outside the vocabulary. Embeddings take vocabulary rows, which the exported
graph looks up itself (training/bundle/graph.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

DAY_S = 86_400.0
CLIP = 5.0  # standard deviations
LARGEST = 1e6  # of any number in a user's list
NULL_ROW = 1
OWNED_CROSSES = 9


@dataclass(frozen=True, slots=True)
class FeatureConfig:
    """The features that a model is built over, as plain values: it is stored in checkpoints."""

    items: int  # rows of the item vocabulary
    user_statistics: list[dict[str, float]]  # of user_float, by column
    item_statistics: list[dict[str, float]]
    user_categories: list[int]  # rows of each vocabulary of user_key, by column
    item_categories: list[int]
    affinities: list[int]  # columns of item_key that users have shares of
    affinity_names: list[str]


class Floats(nn.Module):
    """Nulls to the mean and a flag, long tails to logarithms, then standardised and clipped."""

    def __init__(self, statistics: Sequence[Mapping[str, float]]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([float(s["mean"]) for s in statistics]))
        self.register_buffer("std", torch.tensor([float(s["std"]) for s in statistics]))
        self.register_buffer("log1p", torch.tensor([bool(s["log1p"]) for s in statistics]))
        self.mean: Tensor
        self.std: Tensor
        self.log1p: Tensor

    @property
    def width(self) -> int:
        return 2 * len(self.mean)

    def forward(self, raw: Tensor) -> Tensor:
        """(..., F) raw values to (..., 2 F): standardised values, then flags of the missing."""
        missing = torch.isnan(raw)
        values = torch.where(missing, torch.zeros_like(raw), raw)
        values = torch.where(self.log1p, torch.log(values.clamp(min=0.0) + 1.0), values)
        scaled = ((values - self.mean) / self.std).clamp(-CLIP, CLIP)
        scaled = torch.where(missing, torch.zeros_like(scaled), scaled)
        return torch.cat([scaled, missing.to(raw.dtype)], dim=-1)


class Categories(nn.Module):
    """One embedding a column, side by side."""

    def __init__(self, sizes: Sequence[int], dimension: int) -> None:
        super().__init__()
        self.tables = nn.ModuleList(embedding(size, dimension) for size in sizes)
        self.dimension = dimension

    @property
    def width(self) -> int:
        return self.dimension * len(self.tables)

    def forward(self, rows: Tensor) -> Tensor:
        """(..., F) int64 rows to (..., F * dimension)."""
        if not self.tables:
            return rows[..., :0].to(torch.float32)
        return torch.cat([table(rows[..., j]) for j, table in enumerate(self.tables)], dim=-1)


class Pooled(nn.Module):
    """The weighted mean of a list's embeddings; 0 for an empty list."""

    def forward(self, table: nn.Embedding, rows: Tensor, weights: Tensor) -> Tensor:
        """(B, L) rows and weights (0 where padded, NaN allowed there) to (B, dimension)."""
        usable = torch.where(rows == NULL_ROW, 0.0, _bounded(weights))
        total = usable.sum(dim=-1, keepdim=True).clamp(min=1e-6)
        summed = torch.matmul(usable.unsqueeze(-2), table(rows)).squeeze(-2)
        return summed / total


class OwnedCrosses(nn.Module):
    """What the user's purchase list says about each candidate; no parameters."""

    def forward(self, request_time: Tensor, item_id: Tensor, owned: Mapping[str, Tensor]) -> Tensor:
        """(B, C) candidates against (B, L) lists: (B, C, OWNED_CROSSES).

        Columns: owned, logarithms of score, count and days since, score's share of the list, place in
        the list, interval known, days since over interval, and its distance from 1.
        """
        real = owned["owned_item"] >= 0  # (B, L)
        last = owned["owned_last_s"]
        known_last = real & (last >= 0)
        days = (request_time - last).to(torch.float32) / DAY_S
        days = torch.where(known_last, days.clamp(min=0.0), 0.0)
        score = _filled(owned["owned_score"], real)
        interval = _filled(owned["owned_interval_days"], real)
        share = score / score.sum(dim=-1, keepdim=True).clamp(min=1e-6)
        place = 1.0 / torch.cumsum(real.to(torch.float32), dim=-1).clamp(min=1.0)
        values = torch.stack(
            [
                real.to(torch.float32),
                score,
                _filled(owned["owned_count"], real),
                days,
                share,
                place,
                interval,
            ],
            dim=-1,
        )  # (B, L, 7)
        hit = matches(item_id, owned["owned_item"])  # (B, C, L)
        found = torch.matmul(hit, values)  # an item is in the list at most once: a look-up
        owns, score, count, days, share, place, interval = found.unbind(dim=-1)
        rhythmic = (interval > 0).to(torch.float32)
        ratio = torch.log(days / interval.clamp(min=0.5) + 1.0) * rhythmic
        logs = [torch.log(x.clamp(min=0.0) + 1.0) for x in (score, count, days)]
        distance = (ratio - 0.6931).abs() * rhythmic
        return torch.stack([owns, *logs, share * 10.0, place, rhythmic, ratio, distance], dim=-1)


class AffinityCrosses(nn.Module):
    """The user's share of purchases in each candidate's category or brand; no parameters."""

    def forward(
        self, item_keys: Sequence[Tensor], keys: Sequence[Tensor], shares: Sequence[Tensor]
    ) -> Tensor:
        """Per affinity column (B, C) item keys, (B, L) keys and shares: (B, C, 2 * columns)."""
        found: list[Tensor] = []
        for item_key, key, share in zip(item_keys, keys, shares, strict=True):
            real = key >= 0
            hit = matches(item_key, key)
            values = torch.stack([_filled(share, real), real.to(torch.float32)], dim=-1)
            taken, known = torch.matmul(hit, values).unbind(dim=-1)
            found += [torch.log(taken.clamp(min=0.0) * 100.0 + 1.0), known]
        return torch.stack(found, dim=-1)


def embedding(size: int, dimension: int) -> nn.Embedding:
    table = nn.Embedding(size, dimension)
    nn.init.normal_(table.weight, std=0.1)
    return table


def matches(candidates: Tensor, listed: Tensor) -> Tensor:
    """(B, C) against (B, L) raw keys: (B, C, L) float32, 1 where equal; nulls (-1) match nothing."""
    listed = torch.where(listed < 0, -2, listed)
    return (candidates.unsqueeze(-1) == listed.unsqueeze(-2)).to(torch.float32)


def _filled(values: Tensor, real: Tensor) -> Tensor:
    return torch.where(real, _bounded(values), 0.0)


def _bounded(values: Tensor) -> Tensor:
    """Scores, counts, shares and days of lists: 0 for null, and nothing absurd from a broken row."""
    return torch.where(torch.isnan(values), 0.0, values).clamp(0.0, LARGEST)
