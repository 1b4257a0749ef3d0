"""The two-tower retriever: a user tower and an item tower that meet in a dot product."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from training.models.inputs import Categories, FeatureConfig, Floats, Pooled, embedding
from training.models.item_tower import ItemTower, tower_mlp, unit


@dataclass(frozen=True, slots=True)
class TwoTowerConfig:
    """Everything that the shapes depend on, as plain values: it is stored in the checkpoint."""

    features: FeatureConfig
    dimension: int = 64
    category_dimension: int = 16
    dropout: float = 0.2
    temperature: float = 0.07

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def two_tower_config(plain: Mapping[str, Any]) -> TwoTowerConfig:
    """The inverse of `plain`."""
    return TwoTowerConfig(**{**plain, "features": FeatureConfig(**plain["features"])})


class TwoTower(nn.Module):
    """Towers into one space of `dimension + 1`: a unit vector, and a bias's coordinate.

    Takes user inputs alone. As vocabulary rows: `owned_item__row`, `recent_item__row`,
    `<affinity>_key__row` and, if users have categories, `user_key__row`; as they are: `owned_score`,
    `<affinity>_share` and `user_float`.
    """

    def __init__(self, config: TwoTowerConfig) -> None:
        super().__init__()
        self.config = config
        features, wide, narrow = config.features, config.dimension, config.category_dimension
        self.items = ItemTower(features, wide, narrow, config.dropout)
        self.history_table = embedding(features.items, wide)
        self.user_categories = Categories(features.user_categories, 4)
        self.user_floats = Floats(features.user_statistics)
        self.pooled = Pooled()
        self.dropout = nn.Dropout(config.dropout)
        affinity = narrow * len(features.affinities)
        user_width = 2 * wide + affinity + self.user_categories.width + self.user_floats.width
        self.user_mlp = tower_mlp(user_width, 2 * wide, wide, config.dropout)
        self.log_temperature = nn.Parameter(torch.tensor(config.temperature).log())

    def user(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Inputs by name, `<name>__row` for vocabulary rows, to (B, dimension + 1)."""
        owned = torch.log(inputs["owned_score"].clamp(min=0.0) + 1.0)
        parts = [self.pooled(self.history_table, inputs["owned_item__row"], owned)]
        recent = inputs["recent_item__row"]  # (B, L), newest first
        newest = torch.arange(recent.shape[-1], device=recent.device).to(torch.float32)
        fading = torch.exp(newest * -0.05).expand(recent.shape[0], -1)
        parts.append(self.pooled(self.history_table, recent, fading))
        features = self.config.features
        for name, column in zip(features.affinity_names, features.affinities, strict=True):
            table = self.items.categories.tables[column]
            rows, shares = inputs[f"{name}_key__row"], inputs[f"{name}_share"]
            parts.append(self.pooled(table, rows, shares))
        if features.user_categories:
            parts.append(self.user_categories(inputs["user_key__row"]))
        parts.append(self.user_floats(inputs["user_float"]))
        vector = self.user_mlp(self.dropout(torch.cat(parts, dim=-1)))
        return unit(vector, self.log_temperature)

    def item(self, item_row: Tensor, category_rows: Tensor, raw_floats: Tensor) -> Tensor:
        """(..., ), (..., G) rows and (..., F) floats to (..., dimension + 1)."""
        return self.items(item_row, category_rows, raw_floats)  # type: ignore[no-any-return]
