"""The last layers of a ranker: DCN-V2, cross layers and a deep part side by side.

Wang et al., "DCN V2: Improved deep & cross network and practical lessons for web-scale learning to rank
systems" (WWW 2021), with low-rank crosses.

What a person does otherwise with an item, such as looking at it, is foreseen by outputs of their own over the
same body, which learns from all of them (Caruana, "Multitask learning", Machine Learning, 1997; cf. Ma et
al., "Entire space multi-task model", SIGIR 2018).
"""

from typing import Protocol

import torch
from torch import Tensor, nn


class HeadConfig(Protocol):
    """What of a configuration a head reads."""

    @property
    def hidden(self) -> tuple[int, ...]: ...
    @property
    def dropout(self) -> float: ...
    @property
    def cross_layers(self) -> int: ...
    @property
    def cross_rank(self) -> int: ...
    @property
    def outputs(self) -> int: ...


class Head(nn.Module):
    """(..., W) to logits (..., outputs): the target's, then one for each other action."""

    def __init__(self, config: HeadConfig, width: int) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            nn.Linear(width, config.cross_rank, bias=False) for _ in range(config.cross_layers)
        )
        self.up = nn.ModuleList(
            nn.Linear(config.cross_rank, width) for _ in range(config.cross_layers)
        )
        layers: list[nn.Module] = []
        for before, size in zip((width, *config.hidden), config.hidden, strict=False):
            layers += [nn.Linear(before, size), nn.ReLU(), nn.Dropout(config.dropout)]
        self.deep = nn.Sequential(*layers)
        self.last = nn.Linear(width + config.hidden[-1], config.outputs)

    def forward(self, x: Tensor) -> Tensor:
        crossed = x
        for down, up in zip(self.down, self.up, strict=True):
            crossed = x * up(down(crossed)) + crossed
        return self.last(torch.cat([crossed, self.deep(x)], dim=-1))  # type: ignore[no-any-return]


def chosen(x: Tensor, real: Tensor | None) -> Tensor:
    """(B, C, W) to (R, W): the candidates that are real, where teaching has no use for padding."""
    return x if real is None else x[real]
