"""Item to item: what else is taken by those who take what the person has.

A linear autoencoder in closed form, as EASE (Steck, "Embarrassingly shallow autoencoders for sparse data",
WWW 2019), of a low rank: the ridge regression shrinks each singular direction by s^2 / (s^2 + ridge) (Jin et
al., "Towards a better understanding of linear models for recommendation", KDD 2021), and, as where EASE
constrains the diagonal to zero, an item's scores are divided by what the others leave of it. The diagonal
itself is not taken out: it is divided like the rest, and an item that the person has adds to its own score.
So it stays a table of item vectors and a dot product, as cheap to search as a tower.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from training.models.inputs import LARGEST, NULL_ROW, FeatureConfig


@dataclass(frozen=True, slots=True)
class ItemToItemConfig:
    """Plain values: it is stored in the checkpoint."""

    features: FeatureConfig
    rank: int = 96
    ridge: float = 100.0

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def item_to_item_config(plain: Mapping[str, Any]) -> ItemToItemConfig:
    """The inverse of `plain`."""
    return ItemToItemConfig(**{**plain, "features": FeatureConfig(**plain["features"])})


class ItemToItem(nn.Module):
    """Takes `owned_item__row` and `owned_score`; nothing in it is taught by gradients."""

    def __init__(self, config: ItemToItemConfig) -> None:
        super().__init__()
        self.config = config
        items, rank = config.features.items, config.rank
        self.register_buffer("vectors", torch.zeros(items, rank))  # by vocabulary row
        self.register_buffer("shrinking", torch.zeros(rank))
        self.register_buffer("scale", torch.zeros(items))
        self.vectors: Tensor
        self.shrinking: Tensor
        self.scale: Tensor

    def user(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """(B, rank): the person's purchases, by the logarithm of their decayed counts."""
        rows = inputs["owned_item__row"]
        counts = torch.where(torch.isnan(inputs["owned_score"]), 0.0, inputs["owned_score"])
        weights = torch.log(counts.clamp(0.0, LARGEST) + 1.0) * (rows != NULL_ROW).to(counts.dtype)
        taken = torch.matmul(weights.unsqueeze(-2), self.vectors[rows]).squeeze(-2)
        return taken * self.shrinking

    def item(self, rows: Tensor, *_: Tensor) -> Tensor:
        """(...,) vocabulary rows to (..., rank); 0 for an item that nobody had taken.

        What else a retriever may be told of items says nothing here.
        """
        return self.vectors[rows] * self.scale[rows].unsqueeze(-1)
