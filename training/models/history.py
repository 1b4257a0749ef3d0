"""What a person took of late as tokens, and candidates in the same space.

Shapes: B requests, L tokens, newest first, null at the end; C candidates; D a token's width.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training.models.inputs import DAY_S, NULL_ROW, FeatureConfig, embedding

CLOCKS = 4  # numbers that say when a token was taken
WEEK, MONTH = 7.0, 30.0
LONGEST_DAYS = 3650.0


@dataclass(frozen=True, slots=True)
class Tokens:
    """The history."""

    values: Tensor  # (B, L, D), 0 where there is none
    real: Tensor  # (B, L) bool
    days: Tensor  # (B, L) since each was taken, 0 where it isn't known


class History(nn.Module):
    """Embeds an item by what it is and by its categories; a token also by when it was taken.

    In training whole identities are dropped, so that a rare item is also known by its categories
    (embedding dropout; Gal and Ghahramani, "A theoretically grounded application of dropout in
    recurrent neural networks", NeurIPS 2016).
    """

    def __init__(self, features: FeatureConfig, width: int, embedding_dropout: float) -> None:
        super().__init__()
        self.items = embedding(features.items, width)
        self.categories = nn.ModuleList(embedding(n, width) for n in features.item_categories)
        self.clocks = nn.Linear(CLOCKS, width)
        self.forget = nn.Dropout1d(embedding_dropout)
        # An item's categories by its vocabulary row: those of a token, which come without features.
        described = torch.full(
            (features.items, len(features.item_categories)), NULL_ROW, dtype=torch.int64
        )
        self.register_buffer("described", described)
        self.described: Tensor

    def forward(self, inputs: Mapping[str, Tensor]) -> Tokens:
        """`recent_item__row`, `recent_s` and `request_time` to tokens that tell the time to the newer one."""
        real = inputs["recent_item__row"] != NULL_ROW
        days = _days(inputs["request_time"], inputs["recent_s"], real)
        newer = torch.cat([days[:, :1], days[:, :-1]], dim=1)
        return self._tokens(inputs, days, (days - newer).clamp(min=0.0))

    def moments(self, inputs: Mapping[str, Tensor]) -> Tokens:
        """`recent_item__row` and `recent_s` to tokens as each was when it was taken.

        A token tells the time since the one before it, and nothing of what is newer: neither how long ago
        it was nor when the next was taken. All `days` are 0.
        """
        seconds = inputs["recent_s"]
        older = torch.cat([seconds[:, 1:], torch.full_like(seconds[:, :1], -1)], dim=1)
        gap = _days(seconds, older, older >= 0)
        return self._tokens(inputs, torch.zeros_like(gap), gap)

    def _tokens(self, inputs: Mapping[str, Tensor], days: Tensor, gap: Tensor) -> Tokens:
        rows = inputs["recent_item__row"]
        real = rows != NULL_ROW
        values = self._embedded(rows, self.described[rows]) + self.clocks(_clocks(days, gap))
        return Tokens(values * real.unsqueeze(-1).to(values.dtype), real, days)

    def candidates(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """`item_id__row` and `item_key__row` to (B, C, D)."""
        rows = inputs["item_id__row"]
        categories = inputs["item_key__row"] if self.categories else self.described[rows]
        return self._embedded(rows, categories)

    def _embedded(self, rows: Tensor, categories: Tensor) -> Tensor:
        """(B, N) and (B, N, G) rows to (B, N, D)."""
        total = self.forget(self.items(rows))
        for column, table in enumerate(self.categories):
            total = total + table(categories[..., column])
        return total  # type: ignore[no-any-return]


def _days(now: Tensor, then: Tensor, real: Tensor) -> Tensor:
    """From `then` to `now`, at most ten years; 0 where there is nothing real or its time isn't known."""
    days = (now - then).to(torch.float32) / DAY_S
    return torch.where(real & (then >= 0), days.clamp(0.0, LONGEST_DAYS), 0.0)


def _clocks(days: Tensor, gap: Tensor) -> Tensor:
    """(B, L) days since, and days to a neighbour, to (B, L, CLOCKS): recency at three scales, and the gap."""
    return torch.stack(
        [
            torch.log(days + 1.0),
            torch.exp(days / -WEEK),
            torch.exp(days / -MONTH),
            torch.log(gap + 1.0),
        ],
        dim=-1,
    )
