"""The last layers of a ranker: a deep part, and a linear one beside it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Head(nn.Module):
    """(..., W) to one logit (...)."""

    def __init__(self, width: int, hidden: Sequence[int], dropout: float) -> None:
        super().__init__()
        self.deep = deep(width, hidden, dropout)
        self.last = nn.Linear(width + hidden[-1], 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.cat([x, self.deep(x)], dim=-1)).squeeze(-1)  # type: ignore[no-any-return]


def deep(width: int, hidden: Sequence[int], dropout: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    for size in hidden:
        layers += [nn.Linear(width, size), nn.ReLU(), nn.Dropout(dropout)]
        width = size
    return nn.Sequential(*layers)
