"""The ranker: DCN-V2 over what is known of a user, an item and the two together.

Wang et al., "DCN V2: Improved deep & cross network and practical lessons for web-scale learning to rank
systems" (WWW 2021), with low-rank crosses and the deep part beside them. Every candidate is scored by
itself: nothing is normalised or attended over the candidates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn

from training.models.inputs import (
    AFFINITY_CROSSES,
    OWNED_CROSSES,
    AffinityCrosses,
    Categories,
    FeatureConfig,
    Floats,
    OwnedCrosses,
)
from training.models.two_tower import TwoTower, TwoTowerConfig, two_tower_config
from training.schema import AFFINITY, OWNED

USER_CATEGORY_DIMENSION = 4


@dataclass(frozen=True, slots=True)
class RankerConfig:
    """Everything that the shapes depend on, as plain values: it is stored in the checkpoint."""

    features: FeatureConfig
    tower: TwoTowerConfig  # of the two-tower model inside
    category_dimension: int = 8
    cross_layers: int = 2
    cross_rank: int = 64
    hidden: tuple[int, ...] = (128, 64)
    dropout: float = 0.1

    def plain(self) -> dict[str, Any]:
        return {**asdict(self), "hidden": list(self.hidden)}


def ranker_config(plain: Mapping[str, Any]) -> RankerConfig:
    """The inverse of `plain`."""
    nested = {
        "features": FeatureConfig(**plain["features"]),
        "tower": two_tower_config(plain["tower"]),
        "hidden": tuple(plain["hidden"]),
    }
    return RankerConfig(**{**plain, **nested})


class Ranker(nn.Module):
    """The probability that a user buys an item within the horizon.

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
        self.tower = TwoTower(config.tower).requires_grad_(requires_grad=False)
        self.owned_crosses, self.affinity_crosses = OwnedCrosses(), AffinityCrosses()
        self.user_floats = Floats(features.user_statistics)
        self.item_floats = Floats(features.item_statistics)
        self.user_categories = Categories(features.user_categories, USER_CATEGORY_DIMENSION)
        self.item_categories = Categories(features.item_categories, config.category_dimension)
        user = self.user_floats.width + self.user_categories.width
        item = self.item_floats.width + self.item_categories.width
        width = user + item + OWNED_CROSSES + AFFINITY_CROSSES * len(features.affinities) + 1
        self.network = CrossNetwork(config, width)
        # Set from the training examples, and on validation by calibration.
        self.register_buffer("tower_mean", torch.zeros(()))
        self.register_buffer("tower_std", torch.ones(()))
        self.register_buffer("slope", torch.ones(()))
        self.register_buffer("offset", torch.zeros(()))
        self.tower_mean: Tensor
        self.tower_std: Tensor
        self.slope: Tensor
        self.offset: Tensor

    def train(self, mode: bool = True) -> Self:  # noqa: FBT001, FBT002 (torch's signature)
        """The tower inside is frozen: it is never in training mode."""
        super().train(mode)
        self.tower.eval()
        return self

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Calibrated probability (B, C) float32, 0 where `mask` is false."""
        user, item = self.user(inputs), self.item(inputs)  # (B, U), (B, C, I)
        wide = user.unsqueeze(1).expand(-1, item.shape[1], -1)
        logit = self.logit(wide, item, self.crosses(inputs))
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
        parts.append(self.tower_score(inputs).unsqueeze(-1))
        return torch.cat(parts, dim=-1)

    def tower_score(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """The two-tower model's score of each candidate, by the item's features of today: (B, C)."""
        rows = inputs["item_id__row"]
        described = self.config.features.item_categories
        categories = inputs["item_key__row"] if described else rows.unsqueeze(-1)[..., :0]
        items = self.tower.item(rows, categories, inputs["item_float"])  # (B, C, D)
        return torch.matmul(items, self.tower.user(inputs).unsqueeze(-1)).squeeze(-1)

    def logit(self, user: Tensor, item: Tensor, crosses: Tensor) -> Tensor:
        """(..., U), (..., I) and (..., X) to (...), as taught: before calibration."""
        score = (crosses[..., -1:] - self.tower_mean) / self.tower_std
        joined = torch.cat([user, item, crosses[..., :-1], score], dim=-1)
        return self.network(joined)  # type: ignore[no-any-return]

    def calibrated(self, logit: Tensor) -> Tensor:
        return logit * self.slope + self.offset


class CrossNetwork(nn.Module):
    """Cross layers and a deep part side by side, joined by one linear layer."""

    def __init__(self, config: RankerConfig, width: int) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            nn.Linear(width, config.cross_rank, bias=False) for _ in range(config.cross_layers)
        )
        self.up = nn.ModuleList(
            nn.Linear(config.cross_rank, width) for _ in range(config.cross_layers)
        )
        self.deep = _deep(width, config.hidden, config.dropout)
        self.last = nn.Linear(width + config.hidden[-1], 1)

    def forward(self, x: Tensor) -> Tensor:
        """(..., W) to (...)."""
        crossed = x
        for down, up in zip(self.down, self.up, strict=True):
            crossed = x * up(down(crossed)) + crossed
        return self.last(torch.cat([crossed, self.deep(x)], dim=-1)).squeeze(-1)  # type: ignore[no-any-return]


def _deep(width: int, hidden: Sequence[int], dropout: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    for size in hidden:
        layers += [nn.Linear(width, size), nn.ReLU(), nn.Dropout(dropout)]
        width = size
    return nn.Sequential(*layers)
