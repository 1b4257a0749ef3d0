"""Boosted trees, as a module like any other: every candidate walks down every tree at once.

What LightGBM has grown (training/learning/boosting.py) lies in buffers; a walk is as many look-ups as the
trees are deep, so that the graph needs no operator of its own (Nakandala et al., "A tensor compiler for
unified machine learning prediction serving", OSDI 2020).
"""

import torch
from torch import Tensor, nn

from training.models.ranker_config import RankerConfig

NULL, FARTHEST = -1e9, 1e8  # what trees take a null for, and how far a number may be from 0
GRID = 4096.0  # steps in 1: finer differences are rounding, and a tree must not tell them apart


class TreeNetwork(nn.Module):
    """Raw evidence (B, C, W), nulls and all, to a logit (B, C)."""

    reads = "raw"

    def __init__(self, config: RankerConfig, width: int) -> None:
        super().__init__()
        del width  # trees look at the columns that they were grown on
        self.depth = config.tree_depth
        shape = (config.trees, 2 * config.leaves - 1)  # nodes of a tree, the root first
        # A leaf leads to itself; a tree that was never grown is a leaf of 0.
        self.register_buffer("feature", torch.zeros(shape, dtype=torch.int64))
        self.register_buffer("threshold", torch.zeros(shape))
        self.register_buffer("left", torch.arange(shape[1]).repeat(shape[0], 1))
        self.register_buffer("right", torch.arange(shape[1]).repeat(shape[0], 1))
        self.register_buffer("value", torch.zeros(shape))
        self.register_buffer("roots", torch.arange(shape[0]) * shape[1])
        self.feature: Tensor
        self.threshold: Tensor
        self.left: Tensor
        self.right: Tensor
        self.value: Tensor
        self.roots: Tensor

    def forward(self, raw: Tensor) -> Tensor:
        columns = tamed(raw).flatten(0, 1)  # (R, W)
        roots = self.roots.unsqueeze(0)  # (1, T)
        node = torch.zeros_like(columns[:, :1], dtype=torch.int64) + torch.zeros_like(roots)
        for _ in range(self.depth):
            at = roots + node
            value = torch.gather(columns, 1, self.feature.flatten()[at])
            goes_left = value <= self.threshold.flatten()[at]
            node = torch.where(goes_left, self.left.flatten()[at], self.right.flatten()[at])
        logit = self.value.flatten()[roots + node].sum(dim=1)
        return logit.reshape(raw.shape[:2])


def tamed(raw: Tensor) -> Tensor:
    """Numbers that trees can be asked about: null is one of them.

    A sum or a logarithm differs in its last digits by who else is in the batch. Networks pass that on as
    it is; a tree would turn it into another leaf, so that numbers are first put on a grid.
    """
    known = torch.round(raw.clamp(-FARTHEST, FARTHEST) * GRID) / GRID
    return torch.where(torch.isnan(raw), NULL, known)
