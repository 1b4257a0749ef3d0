"""The Transformer ranker: every candidate asks the history what it has to say of it.

Zhou et al., "Deep interest network" (KDD 2018) and Chen et al., "Behavior sequence transformer" (DLP-KDD
2019): tokens, which know when they were taken and how long before the next, attend to each other once;
then each candidate attends to them. Candidates don't attend to each other, so a score is a candidate's
own. A learned token that is always there is what an empty history says.
"""

import torch
from torch import Tensor, nn

from training.models.attention import Attention
from training.models.head import Head, chosen
from training.models.history import Tokens
from training.models.ranker_config import RankerConfig


class AttentionNetwork(nn.Module):
    """Evidence (B, C, W), candidates (B, C, D) and tokens to logits (B, C, outputs), or of the `real`."""

    reads = "history"

    def __init__(self, config: RankerConfig, width: int) -> None:
        super().__init__()
        size = config.dimension
        self.nothing = nn.Parameter(torch.zeros(1, 1, size))
        self.before, self.after = nn.LayerNorm(size), nn.LayerNorm(size)
        self.among = Attention(size, config.heads)
        self.step = nn.Sequential(
            nn.Linear(size, 2 * size),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(2 * size, size),
        )
        self.asked = Attention(size, config.heads)
        self.dropout = nn.Dropout(config.dropout)
        self.head = Head(config, width + 2 * size)

    def forward(
        self, evidence: Tensor, candidates: Tensor, tokens: Tokens, real: Tensor | None = None
    ) -> Tensor:
        values, days, known = self._with_nothing(tokens)
        usual = self.before(values)
        values = values + self.dropout(self.among(usual, usual, days, known))
        values = values + self.dropout(self.step(self.after(values)))
        said = self.asked(candidates, values, days, known)  # (B, C, D)
        joined = torch.cat([evidence, said, said * candidates], dim=-1)
        return self.head(chosen(joined, real))  # type: ignore[no-any-return]

    def _with_nothing(self, tokens: Tokens) -> tuple[Tensor, Tensor, Tensor]:
        always = self.nothing.expand(tokens.values.shape[0], -1, -1)
        none = torch.zeros_like(tokens.days[:, :1])
        return (
            torch.cat([always, tokens.values], dim=1),
            torch.cat([none, tokens.days], dim=1).unsqueeze(1),
            torch.cat([none == 0, tokens.real], dim=1).unsqueeze(1),
        )
