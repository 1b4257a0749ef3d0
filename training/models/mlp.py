"""The multilayer perceptron: the head alone. It reads no history beyond what the evidence says."""

from torch import Tensor

from training.models.head import Head, chosen


class CrossNetwork(Head):
    """Evidence (B, C, W) to logits (B, C, outputs); with `real` (B, C) to those of the real, (R, outputs)."""

    reads = "evidence"

    def forward(self, evidence: Tensor, real: Tensor | None = None) -> Tensor:
        return super().forward(chosen(evidence, real))
