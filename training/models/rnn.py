"""The recurrent ranker: a GRU over the latest purchases, oldest first.

Hidasi et al., "Session-based recommendations with recurrent neural networks" (GRU4Rec, ICLR 2016). Its
last state meets each candidate in a product.
"""

import torch
from torch import Tensor, nn

from training.models.head import Head, chosen
from training.models.history import Tokens
from training.models.ranker_config import RankerConfig
from training.models.recurrence import Recurrence


class RecurrentNetwork(nn.Module):
    """Evidence (B, C, W), candidates (B, C, D) and tokens to logits (B, C, outputs), or of the `real`."""

    reads = "history"

    def __init__(self, config: RankerConfig, width: int) -> None:
        super().__init__()
        self.recurrence = Recurrence(config.dimension)
        self.dropout = nn.Dropout(config.dropout)
        self.head = Head(config, width + 2 * config.dimension)

    def forward(
        self, evidence: Tensor, candidates: Tensor, tokens: Tokens, real: Tensor | None = None
    ) -> Tensor:
        person = self.dropout(self.recurrence(tokens)).unsqueeze(1)  # (B, 1, D)
        met = person * candidates
        wide = person.expand(-1, met.shape[1], -1)
        joined = torch.cat([evidence, met, wide], dim=-1)
        return self.head(chosen(joined, real))  # type: ignore[no-any-return]
