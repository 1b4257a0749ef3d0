"""The convolutional ranker: filters over the latest purchases.

Tang and Wang, "Personalized top-N sequential recommendation via convolutional sequence embedding" (Caser,
WSDM 2018): horizontal filters find what is taken together or in turn, vertical ones weigh the whole
history by place. What they find of a person meets each candidate in a product.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.models.head import Head, chosen
from training.models.history import Tokens
from training.models.ranker_config import RankerConfig


class ConvolutionNetwork(nn.Module):
    """Evidence (B, C, W), candidates (B, C, D) and tokens to logits (B, C, outputs), or of the `real`."""

    reads = "history"

    def __init__(self, config: RankerConfig, width: int) -> None:
        super().__init__()
        self.length = config.length
        self.horizontal = nn.ModuleList(
            nn.Conv1d(config.dimension, config.channels, height) for height in config.heights
        )
        self.vertical = nn.Linear(config.length, config.vertical, bias=False)
        found = config.channels * len(config.heights) + config.vertical * config.dimension
        self.dropout = nn.Dropout(config.dropout)
        self.person = nn.Linear(found, config.dimension)
        self.head = Head(config, width + 2 * config.dimension)

    def forward(
        self, evidence: Tensor, candidates: Tensor, tokens: Tokens, real: Tensor | None = None
    ) -> Tensor:
        person = self.of_person(tokens.values).unsqueeze(1)  # (B, 1, D)
        met = person * candidates
        wide = person.expand(-1, met.shape[1], -1)
        joined = torch.cat([evidence, met, wide], dim=-1)
        return self.head(chosen(joined, real))  # type: ignore[no-any-return]

    def of_person(self, values: Tensor) -> Tensor:
        """(B, L, D) tokens, of a length up to the configured, to (B, D)."""
        short = self.length - values.shape[1]
        columns = functional.pad(values, (0, 0, 0, short)).transpose(1, 2)  # (B, D, L)
        strongest = [torch.relu(filters(columns)).amax(dim=-1) for filters in self.horizontal]
        weighed = self.vertical(columns).flatten(1)
        found = self.dropout(torch.cat([*strongest, weighed], dim=-1))
        return torch.relu(self.person(found))
