"""The multilayer perceptron: DCN-V2, cross layers and a deep part side by side.

Wang et al., "DCN V2: Improved deep & cross network and practical lessons for web-scale learning to rank
systems" (WWW 2021), with low-rank crosses. It reads no history beyond what the evidence says.
"""

from typing import Protocol

import torch
from torch import Tensor, nn

from training.models.head import deep


class CrossConfig(Protocol):
    """What of a configuration the network reads."""

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


class CrossNetwork(nn.Module):
    """Evidence (..., W) to logits (..., outputs), as of a `Head`."""

    reads = "evidence"

    def __init__(self, config: CrossConfig, width: int) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            nn.Linear(width, config.cross_rank, bias=False) for _ in range(config.cross_layers)
        )
        self.up = nn.ModuleList(
            nn.Linear(config.cross_rank, width) for _ in range(config.cross_layers)
        )
        self.deep = deep(width, config.hidden, config.dropout)
        self.last = nn.Linear(width + config.hidden[-1], config.outputs)

    def forward(self, evidence: Tensor) -> Tensor:
        crossed = evidence
        for down, up in zip(self.down, self.up, strict=True):
            crossed = evidence * up(down(crossed)) + crossed
        joined = torch.cat([crossed, self.deep(evidence)], dim=-1)
        return self.last(joined)  # type: ignore[no-any-return]
