"""The item side of every taught retriever.

Vectors are normalised, so that the same item vectors answer "similar items" by cosine; an item's
popularity is a bias of its own in the last coordinate.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.models.inputs import Categories, FeatureConfig, Floats, embedding


class ItemTower(nn.Module):
    """Into a space of `dimension + 1`: a unit vector, and a bias's coordinate."""

    def __init__(
        self, features: FeatureConfig, dimension: int, category_dimension: int, dropout: float
    ) -> None:
        super().__init__()
        self.table = embedding(features.items, dimension)
        self.categories = Categories(features.item_categories, category_dimension)
        self.floats = Floats(features.item_statistics)
        self.dropout = nn.Dropout(dropout)
        width = self.categories.width + self.floats.width
        self.mlp = tower_mlp(width, dimension, dimension, dropout)
        self.popularity = nn.Linear(self.floats.width, 1)

    def forward(self, item_row: Tensor, category_rows: Tensor, raw_floats: Tensor) -> Tensor:
        """(..., ), (..., G) rows and (..., F) floats to (..., dimension + 1)."""
        floats = self.floats(raw_floats)
        described = torch.cat([self.categories(category_rows), floats], dim=-1)
        vector = self.dropout(self.table(item_row)) + self.mlp(self.dropout(described))
        return torch.cat([functional.normalize(vector, dim=-1), self.popularity(floats)], dim=-1)


def unit(person: Tensor, log_temperature: Tensor) -> Tensor:
    """(B, D) of the user side to (B, D + 1): a unit vector over the temperature, and 1 for the bias."""
    direction = functional.normalize(person, dim=-1) * torch.exp(-log_temperature)
    return torch.cat([direction, torch.ones_like(direction[..., :1])], dim=-1)


def tower_mlp(width: int, hidden: int, out: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(width, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, out)
    )
