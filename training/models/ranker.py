"""The ranker: what is known of a user, an item and the two together, and a network that weighs it.

The networks differ in what they make of the history; each is one file over the same contract. Every
candidate is scored by itself: nothing is normalised or attended over the candidates.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Self

import torch
from torch import Tensor, nn

from training.models.cnn import ConvolutionNetwork
from training.models.head import chosen
from training.models.history import History
from training.models.inputs import (
    AFFINITY_CROSSES,
    OWNED_CROSSES,
    AffinityCrosses,
    Categories,
    Floats,
    OwnedCrosses,
)
from training.models.item_to_item import ItemToItem
from training.models.mlp import CrossNetwork
from training.models.ranker_config import RankerConfig
from training.models.rnn import RecurrentNetwork
from training.models.transformer import AttentionNetwork
from training.models.trees import TreeNetwork
from training.models.two_tower import TwoTower
from training.schema import AFFINITY, OWNED

USER_CATEGORY_DIMENSION = 4
SCORES = 2  # of the retrievers inside, the last of the crosses


# Each gives logits (B, C, outputs), the trees one (B, C), and says what it reads: the evidence (B, C, W), raw
# for the trees; with the history also the candidates (B, C, D) and the tokens.
NETWORKS: Mapping[str, type[nn.Module]] = MappingProxyType(
    {
        "mlp": CrossNetwork,
        "cnn": ConvolutionNetwork,
        "rnn": RecurrentNetwork,
        "transformer": AttentionNetwork,
        "trees": TreeNetwork,
    }
)


class Ranker(nn.Module):
    """The probability that a user buys an item within the horizon.

    Teaching also asks what the user does with it otherwise (`config.actions`); that is not served.

    Takes every input of the contract's ranker by its name: keys as they are, because users' lists are
    matched with candidates by key, and also as vocabulary rows for what is embedded: `user_key__row`,
    `item_id__row`, `item_key__row`, `owned_item__row`, `recent_item__row` and `<affinity>_key__row`
    (`training.schema.row_vocabularies` says by which vocabulary). Keys that the data set has no columns
    for are absent.
    """

    def __init__(self, config: RankerConfig) -> None:
        super().__init__()
        self.config = config
        features = config.features
        # Frozen, and never in training mode: its score in the examples is the one that is served.
        self.tower = TwoTower(config.tower).requires_grad_(requires_grad=False).eval()
        self.item_to_item = ItemToItem(config.item_to_item)
        self.owned_crosses, self.affinity_crosses = OwnedCrosses(), AffinityCrosses()
        self.user_floats = Floats(features.user_statistics)
        self.item_floats = Floats(features.item_statistics)
        self.user_categories = Categories(features.user_categories, USER_CATEGORY_DIMENSION)
        self.item_categories = Categories(features.item_categories, config.category_dimension)
        user = self.user_floats.width + self.user_categories.width
        item = self.item_floats.width + self.item_categories.width
        network = NETWORKS[config.network]
        crosses = OWNED_CROSSES + AFFINITY_CROSSES * len(features.affinities) + SCORES
        self.network = network(config, user + item + crosses)
        self.history: History | None = None
        if self.network.reads == "history":
            self.history = History(features, config.dimension, config.embedding_dropout)
        # Set from the training examples, and on validation by calibration.
        self.register_buffer("score_mean", torch.zeros(SCORES))
        self.register_buffer("score_std", torch.ones(SCORES))
        self.register_buffer("slope", torch.ones(()))
        self.register_buffer("offset", torch.zeros(()))
        if config.actions:
            self.register_buffer("action_slopes", torch.ones(len(config.actions)))
            self.register_buffer("action_offsets", torch.zeros(len(config.actions)))
        self.score_mean: Tensor
        self.score_std: Tensor
        self.slope: Tensor
        self.offset: Tensor
        self.action_slopes: Tensor
        self.action_offsets: Tensor

    def train(self, mode: bool = True) -> Self:  # noqa: FBT001, FBT002 (torch's signature)
        """The tower inside is frozen: it is never in training mode."""
        super().train(mode)
        self.tower.eval()
        return self

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Calibrated probability (B, C) float32, 0 where `mask` is false."""
        logit = self.logit({**inputs, "crosses": self.crosses(inputs)})
        probability = torch.sigmoid(self.calibrated(logit))
        return torch.where(inputs["mask"], probability, torch.zeros_like(probability))

    def user(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """(B, F) to (B, U)."""
        parts = [self.user_floats(inputs["user_float"])]
        if self.config.features.user_categories:
            parts.append(self.user_categories(inputs["user_key__row"]))
        return torch.cat(parts, dim=-1)

    def item(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """(..., G) to (..., I)."""
        parts = [self.item_floats(inputs["item_float"])]
        if self.config.features.item_categories:
            parts.append(self.item_categories(inputs["item_key__row"]))
        return torch.cat(parts, dim=-1)

    def crosses(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """What needs user and item together, without parameters that are taught: (B, C, X)."""
        owned = {name: inputs[name] for name in OWNED}
        parts = [self.owned_crosses(inputs["request_time"], inputs["item_id"], owned)]
        features = self.config.features
        if features.affinities:
            parts.append(
                self.affinity_crosses(
                    inputs["request_time"],
                    [inputs["item_key"][..., column] for column in features.affinities],
                    [
                        {part: inputs[f"{name}_{part}"] for part in AFFINITY}
                        for name in features.affinity_names
                    ],
                )
            )
        parts.append(torch.stack([self.together(inputs), self.tower_score(inputs)], dim=-1))
        return torch.cat(parts, dim=-1)

    def together(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """How much each candidate is taken by those who take what the person has: (B, C).

        Of a candidate that the person has, that includes what it says of itself.
        """
        items = self.item_to_item.item(inputs["item_id__row"])  # (B, C, D)
        return torch.matmul(items, self.item_to_item.user(inputs).unsqueeze(-1)).squeeze(-1)

    def tower_score(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """The two-tower model's score of each candidate, by the item's features of today: (B, C)."""
        rows = inputs["item_id__row"]
        described = self.config.features.item_categories
        categories = inputs["item_key__row"] if described else rows.unsqueeze(-1)[..., :0]
        items = self.tower.item(rows, categories, inputs["item_float"])  # (B, C, D)
        return torch.matmul(items, self.tower.user(inputs).unsqueeze(-1)).squeeze(-1)

    def logit(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """(B, C) of the target, as taught: before calibration."""
        return self.logits(inputs)[..., 0]

    def logits(self, inputs: Mapping[str, Tensor], real: Tensor | None = None) -> Tensor:
        """(B, C, 1 + A): the target's, then those of the other actions.

        Takes what `crosses` gave as an input of that name. With `real` (B, C) it gives those of the real
        candidates one under another, (R, 1 + A), and spends nothing on the padding.
        """
        if self.network.reads == "raw":
            found = self.network(self.raw(inputs)).unsqueeze(-1)
            return chosen(found, real)
        evidence = self.evidence(inputs)
        if self.history is None:
            return self.network(evidence, real)  # type: ignore[no-any-return]
        candidates, tokens = self.history.candidates(inputs), self.history(inputs)
        return self.network(evidence, candidates, tokens, real)  # type: ignore[no-any-return]

    def evidence(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """All that is known without the order of the history: (B, C, W)."""
        user, item, crosses = self.user(inputs), self.item(inputs), inputs["crosses"]
        wide = user.unsqueeze(1).expand(-1, item.shape[1], -1)
        scores = (crosses[..., -SCORES:] - self.score_mean) / self.score_std
        return torch.cat([wide, item, crosses[..., :-SCORES], scores], dim=-1)

    def raw(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """The same as numbers are stored, rows of vocabularies among them: (B, C, W)."""
        crosses = inputs["crosses"]
        users = [inputs["user_float"]]
        if self.config.features.user_categories:
            users.append(inputs["user_key__row"].to(crosses.dtype))
        wide = torch.cat(users, dim=-1).unsqueeze(1).expand(-1, crosses.shape[1], -1)
        parts = [wide, inputs["item_float"], crosses]
        if self.config.features.item_categories:
            parts.append(inputs["item_key__row"].to(crosses.dtype))
        return torch.cat(parts, dim=-1)

    def calibrated(self, logit: Tensor) -> Tensor:
        return logit * self.slope + self.offset
