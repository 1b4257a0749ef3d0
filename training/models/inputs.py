"""Pre-processing and cross features, as modules: they are part of every model's graph.

Shapes: B requests, C candidates of each, L entries of a list, F or G columns. Matches compare raw keys,
so that they hold for items outside the vocabulary. Embeddings take vocabulary rows, which the exported
graph looks up itself (training/bundle/graph.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from warnings import catch_warnings, simplefilter

import torch
from torch import Tensor, nn
from torch.jit._trace import TracerWarning

DAY_S = 86_400.0
CLIP = 5.0  # standard deviations
LARGEST = 1e6  # of any number in a user's list
NULL_ROW = 1
LOG_2 = 0.6931  # of days over an interval that has just passed
STEADY = 364.0 / 28.0  # a steady buyer's score of half-life 364 days over that of 28
OWNED_CROSSES = 12
AFFINITY_CROSSES = 6  # a column


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

        Columns: owned, logarithms of count, days since and the scores (91, 28 and 364 days), the trend,
        score's share of the list, place in the list, and the three of `_rhythm`. The trend is 1/2 where
        the latest weeks were as the year, up to 1 where they were busier and down to 0.
        """
        real = owned["owned_item"] >= 0  # (B, L)
        score = _filled(owned["owned_score"], real)
        share = score / score.sum(dim=-1, keepdim=True).clamp(min=1e-6)
        place = 1.0 / torch.cumsum(real.to(torch.float32), dim=-1).clamp(min=1.0)
        values = torch.stack(
            [
                real.to(torch.float32),
                _filled(owned["owned_count"], real),
                _days_since(request_time, owned["owned_last_s"], real),
                score,
                _filled(owned["owned_score_28"], real),
                _filled(owned["owned_score_364"], real),
                share,
                place,
                _filled(owned["owned_interval_days"], real),
            ],
            dim=-1,
        )  # (B, L, 9)
        found = looked_up(item_id, owned["owned_item"], values).unbind(dim=-1)
        owns, count, days, score, month, year, share, place, interval = found
        logs = [torch.log(x + 1.0) for x in (count, days, score, month, year)]
        trend = month * STEADY / (month * STEADY + year).clamp(min=1e-6)
        rhythm = _rhythm(days, interval)
        return torch.stack([owns, *logs, trend, share * 10.0, place, *rhythm], dim=-1)


class AffinityCrosses(nn.Module):
    """What the user's purchases say of each candidate's category or brand; no parameters."""

    def forward(
        self,
        request_time: Tensor,
        item_keys: Sequence[Tensor],
        lists: Sequence[Mapping[str, Tensor]],
    ) -> Tensor:
        """Per affinity column (B, C) item keys and (B, L) lists: (B, C, AFFINITY_CROSSES * columns).

        The lists are by part, as `training.schema.AFFINITY` names them. Columns: logarithm of the share,
        listed, logarithm of the days since, and the three of `_rhythm`.
        """
        found: list[Tensor] = []
        for item_key, of in zip(item_keys, lists, strict=True):
            real = of["key"] >= 0
            values = torch.stack(
                [
                    _filled(of["share"], real),
                    real.to(torch.float32),
                    _days_since(request_time, of["last_s"], real),
                    _filled(of["interval_days"], real),
                ],
                dim=-1,
            )
            # At a list of this length comparing all with all costs a graph less than a search.
            hit = matches(item_key, of["key"])
            share, listed, days, interval = torch.matmul(hit, values).unbind(dim=-1)
            found += [torch.log(share * 100.0 + 1.0), listed, torch.log(days + 1.0)]
            found += _rhythm(days, interval)
        return torch.stack(found, dim=-1)


def embedding(size: int, dimension: int) -> nn.Embedding:
    table = nn.Embedding(size, dimension)
    nn.init.normal_(table.weight, std=0.1)
    return table


def matches(candidates: Tensor, listed: Tensor) -> Tensor:
    """(B, C) against (B, L) raw keys: (B, C, L) float32, 1 where equal; nulls (-1) match nothing."""
    listed = torch.where(listed < 0, -2, listed)
    return (candidates.unsqueeze(-1) == listed.unsqueeze(-2)).to(torch.float32)


def looked_up(candidates: Tensor, listed: Tensor, values: Tensor) -> Tensor:
    """(B, C) keys in unordered (B, L) lists that name each at most once: (B, C, V) of (B, L, V), else 0.

    A binary search: it grows with C log L, and holds nothing of C times L.
    """
    ordered, places = torch.sort(torch.where(listed < 0, -2, listed), dim=-1)
    last = fixed_length(listed) - 1
    at, step = torch.zeros_like(candidates), 1 << last.bit_length()
    while step > 1:
        step //= 2
        further = (at + step).clamp(max=last)
        at = torch.where(torch.gather(ordered, 1, further) <= candidates, further, at)
    found = torch.gather(ordered, 1, at) == candidates
    place = torch.gather(places, 1, at).unsqueeze(-1).expand(-1, -1, values.shape[-1])
    return torch.where(found.unsqueeze(-1), torch.gather(values, 1, place), 0.0)


def fixed_length(listed: Tensor) -> int:
    """Of the last axis, as a number: a graph's inputs fix it, so that tracing may take it for a constant."""
    if not torch.onnx.is_in_onnx_export():
        return listed.shape[-1]
    with catch_warnings():
        simplefilter("ignore", TracerWarning)
        return int(listed.shape[-1])


def _days_since(request_time: Tensor, last_s: Tensor, real: Tensor) -> Tensor:
    days = (request_time - last_s).to(torch.float32) / DAY_S
    return torch.where(real & (last_s >= 0), days.clamp(min=0.0), 0.0)


def _rhythm(days: Tensor, interval: Tensor) -> list[Tensor]:
    """Interval known, logarithm of days since over interval, and its distance from one interval."""
    known = (interval > 0).to(torch.float32)
    ratio = torch.log(days / interval.clamp(min=0.5) + 1.0) * known
    return [known, ratio, (ratio - LOG_2).abs() * known]


def _filled(values: Tensor, real: Tensor) -> Tensor:
    return torch.where(real, _bounded(values), 0.0)


def _bounded(values: Tensor) -> Tensor:
    """Scores, counts, shares and days of lists: 0 for null, and nothing absurd from a broken row."""
    return torch.where(torch.isnan(values), 0.0, values).clamp(0.0, LARGEST)
