"""Boosted trees, as a module like any other: every candidate walks down every tree at once.

What LightGBM has grown (training/learning/boosting.py) lies in buffers; a walk is as many look-ups as the
trees are deep (Nakandala et al., "A tensor compiler for unified machine learning prediction serving", OSDI
2020). The graph has ONNX's own operator in its place, which walks a tree at a time; the parity check holds
one against the other.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from training.models.ranker_config import RankerConfig

NULL, FARTHEST = -1e9, 1e8  # what trees take a null for, and how far a number may be from 0
OPERATOR = "ai.onnx.ml::TreeEnsembleRegressor"
NODES = (
    *("nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_values", "nodes_modes"),
    *("nodes_truenodeids", "nodes_falsenodeids"),
)
LEAVES = ("target_treeids", "target_nodeids", "target_ids", "target_weights")
KINDS = dict.fromkeys((*NODES, *LEAVES), "i") | {
    **dict.fromkeys(("nodes_values", "target_weights"), "f"),
    "nodes_modes": "s",
}
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
        exporting = torch.onnx.is_in_onnx_export()
        logit = as_one_node(self)(columns) if exporting else self.walked(columns)
        return logit.reshape(raw.shape[:2])

    def walked(self, columns: Tensor) -> Tensor:
        """(R, W) to (R,), what all trees say together."""
        roots = self.roots.unsqueeze(0)  # (1, T)
        node = torch.zeros_like(columns[:, :1], dtype=torch.int64) + torch.zeros_like(roots)
        for _ in range(self.depth):
            at = roots + node
            value = torch.gather(columns, 1, self.feature.flatten()[at])
            goes_left = value <= self.threshold.flatten()[at]
            node = torch.where(goes_left, self.left.flatten()[at], self.right.flatten()[at])
        return self.value.flatten()[roots + node].sum(dim=1)

    def nodes(self) -> dict[str, list[Any]]:
        """Of the trees that were grown, or of one leaf of 0: attributes of ONNX's TreeEnsembleRegressor."""
        found: dict[str, list[Any]] = {name: [] for name in (*NODES, *LEAVES)}
        grown = ((self.left != self.right).any(dim=1) | (self.value[:, 0] != 0)).nonzero()
        for tree in grown.flatten().tolist() or [0]:
            feature, threshold, left, right, value = (
                of[tree].tolist()
                for of in (self.feature, self.threshold, self.left, self.right, self.value)
            )
            waiting = [0]
            for at in waiting:  # grows while it is walked through
                is_leaf = left[at] == right[at]
                waiting += [] if is_leaf else [left[at], right[at]]
                mode = "LEAF" if is_leaf else "BRANCH_LEQ"
                row = (tree, at, feature[at], threshold[at], mode, left[at], right[at])
                for name, cell in zip(NODES, row, strict=True):
                    found[name].append(cell)
                if is_leaf:
                    for name, cell in zip(LEAVES, (tree, at, 0, value[at]), strict=True):
                        found[name].append(cell)
        return found


def as_one_node(network: TreeNetwork) -> Callable[[Tensor], Tensor]:
    """(R, W) to (R,): what the exporter writes the operator for; while it traces, numbers don't matter."""

    class Ensemble(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, columns: Tensor) -> Tensor:
            del ctx
            return columns.sum(dim=1)

        @staticmethod
        def symbolic(graph: Any, columns: Any) -> Any:
            attributes = {f"{name}_{KINDS[name]}": cells for name, cells in network.nodes().items()}
            found = graph.op(OPERATOR, columns, n_targets_i=1, **attributes)
            return found.setType(columns.type().with_sizes([None, 1]))

    applied: Callable[[Tensor], Tensor] = Ensemble.apply
    return applied


def tamed(raw: Tensor) -> Tensor:
    """Numbers that trees can be asked about: null is one of them.

    A sum or a logarithm differs in its last digits by who else is in the batch. Networks pass that on as
    it is; a tree would turn it into another leaf, so that numbers are first put on a grid.
    """
    known = torch.round(raw.clamp(-FARTHEST, FARTHEST) * GRID) / GRID
    return torch.where(torch.isnan(raw), NULL, known)
