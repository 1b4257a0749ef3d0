"""Boosted trees, as a module like any other: every candidate walks down every tree at once.

What LightGBM has grown (training/learning/boosting.py) lies in buffers; a walk is as many look-ups as the
trees are deep (Nakandala et al., "A tensor compiler for unified machine learning prediction serving", OSDI
2020). The graph has ONNX's own operator in its place, which walks a tree at a time; the parity check holds
one against the other.

A category of few values is told as how often it was taken among the examples (Micci-Barreca, "A preprocessing
scheme for high-cardinality categorical attributes in classification and prediction problems", SIGKDD
Explorations, 2001): trees split numbers, and the rows of a vocabulary have no order that means anything.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from training.models.inputs import FeatureConfig, fixed_length
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
MOST_CATEGORIES = 255  # rows of a vocabulary told as rates: of many, each is seen too seldom
PRIOR = 50.0  # examples of the usual rate, beside those of a category
PLACE = torch.int32
TOGETHER = 256  # candidates walk at a time, so that what a step looks up stays near the processor


class TreeNetwork(nn.Module):
    """Raw evidence (B, C, W), nulls and all, to a logit (B, C)."""

    reads = "raw"

    def __init__(self, config: RankerConfig, width: int) -> None:
        super().__init__()
        del width  # trees look at the columns that they were grown on
        self.depth = config.tree_depth
        self.categories = few_categories(config.features)
        starts = torch.tensor([0, *self.categories.values()], dtype=torch.int64).cumsum(dim=0)
        self.register_buffer("starts", starts[:-1])  # of each category's rates
        self.register_buffer("rates", torch.zeros(int(starts[-1])))
        shape = (config.trees, 2 * config.leaves - 1)  # nodes of a tree, the root first
        # A leaf leads to itself; a tree that was never grown is a leaf of 0.
        self.register_buffer("feature", torch.zeros(shape, dtype=torch.int64))
        self.register_buffer("threshold", torch.zeros(shape))
        self.register_buffer("left", torch.arange(shape[1]).repeat(shape[0], 1))
        self.register_buffer("right", torch.arange(shape[1]).repeat(shape[0], 1))
        self.register_buffer("value", torch.zeros(shape))
        self.starts: Tensor
        self.rates: Tensor
        self.feature: Tensor
        self.threshold: Tensor
        self.left: Tensor
        self.right: Tensor
        self.value: Tensor

    def forward(self, raw: Tensor) -> Tensor:
        columns = self.told(raw.flatten(0, 1))
        exporting = torch.onnx.is_in_onnx_export()
        logit = as_one_node(self)(columns) if exporting else self.walked(columns)
        return logit.reshape(raw.shape[:2])

    def told(self, raw: Tensor) -> Tensor:
        """Raw evidence (R, W) as trees are told it: (R, W), the rates of the categories last."""
        known, width = tamed(raw), fixed_length(raw)
        if not self.categories:
            return known
        places = [place % width for place in self.categories]
        others = [place for place in range(width) if place not in places]
        rates = self.rates[known[:, places].to(torch.int64) + self.starts]
        return torch.cat([known[:, others], rates], dim=1)

    def learn_rates(self, raw: Tensor, taken: Tensor) -> None:
        """In place, from examples (R, W) and what came of them (R,), 0 or 1.

        A rate is the logarithm of the share of a category that was taken; the fewer examples a category
        has, the nearer it is to the share of all.
        """
        usual = (float(taken.sum()) + 1.0) / (len(taken) + 2.0)
        for (place, size), start in zip(self.categories.items(), self.starts.tolist(), strict=True):
            rows = raw[:, place].to(torch.int64)
            of_all = torch.bincount(rows, minlength=size)
            of_taken = torch.bincount(rows, taken, minlength=size)
            share = (of_taken + PRIOR * usual) / (of_all + PRIOR)
            self.rates[start : start + size] = torch.log(share)

    def grown(self) -> Tensor:
        """Numbers of the trees that say something."""
        is_grown = (self.left != self.right).any(dim=1) | (self.value[:, 0] != 0)
        return is_grown.nonzero().flatten()

    def walked(self, columns: Tensor) -> Tensor:
        """What trees are told (R, W) to what all say together (R,).

        Places are 32 bits wide: what is looked up most is then half as large.
        """
        asked, nodes = self.grown(), self.feature.shape[1]
        feature, threshold, value = (
            of[asked].flatten() for of in (self.feature, self.threshold, self.value)
        )
        feature = feature.to(PLACE)
        roots = torch.arange(len(asked), dtype=PLACE) * nodes
        ways = torch.stack([self.left, self.right], dim=-1)[asked].to(PLACE)
        ways = (ways + roots[:, None, None]).flatten()  # left and right of every node
        said = [value[:0]]
        for start in range(0, len(columns), TOGETHER):
            some = columns[start : start + TOGETHER]
            cells = some.flatten()
            first = torch.arange(len(some), dtype=PLACE) * some.shape[1]
            first = first.repeat_interleave(len(asked))
            at = roots.repeat(len(some))
            for _ in range(self.depth):
                cell = cells.index_select(0, first + feature.index_select(0, at))
                goes_right = cell > threshold.index_select(0, at)
                at = ways.index_select(0, 2 * at + goes_right)
            said.append(value.index_select(0, at).reshape(len(some), -1).sum(dim=1))
        return torch.cat(said)

    def nodes(self) -> dict[str, list[Any]]:
        """Of the trees that were grown, or of one leaf of 0: attributes of ONNX's TreeEnsembleRegressor."""
        found: dict[str, list[Any]] = {name: [] for name in (*NODES, *LEAVES)}
        for tree in self.grown().tolist() or [0]:
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


def few_categories(features: FeatureConfig) -> dict[int, int]:
    """Sizes of those that are told as rates, by place in the raw evidence, those of items from its end."""
    items = features.item_categories
    sizes = dict(enumerate(features.user_categories, len(features.user_statistics)))
    sizes |= dict(enumerate(items, -len(items)))
    return {place: size for place, size in sizes.items() if size <= MOST_CATEGORIES}


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
