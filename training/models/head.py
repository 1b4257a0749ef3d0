"""The last layers of a ranker: a deep part, and a linear one beside it.

What a person does otherwise with an item, such as looking at it, is foreseen by outputs of their own over the
same body, which learns from all of them (Caruana, "Multitask learning", Machine Learning, 1997; cf. Ma et
al., "Entire space multi-task model", SIGIR 2018).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Head(nn.Module):
    """(..., W) to logits (..., outputs): the target's, then one for each other action."""

    def __init__(self, width: int, hidden: Sequence[int], dropout: float, outputs: int) -> None:
        super().__init__()
        self.deep = deep(width, hidden, dropout)
        self.last = nn.Linear(width + hidden[-1], outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.cat([x, self.deep(x)], dim=-1))  # type: ignore[no-any-return]


def deep(width: int, hidden: Sequence[int], dropout: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    for size in hidden:
        layers += [nn.Linear(width, size), nn.ReLU(), nn.Dropout(dropout)]
        width = size
    return nn.Sequential(*layers)
