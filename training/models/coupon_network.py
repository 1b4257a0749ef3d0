"""Whether a household redeems a coupon of a campaign: the ranker's network over what is known of both.

There are a few thousand examples, so the network is small and much is dropped.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pytorch_lightning as lightning
import torch
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.nn import functional

from training.models.inputs import Categories, Floats
from training.models.mlp import CrossNetwork
from training.models.optimizer import falling


@dataclass(frozen=True, slots=True)
class CouponConfig:
    statistics: list[dict[str, float]]  # of the numbers, by column
    categories: list[int]  # rows of each vocabulary
    category_dimension: int = 4
    hidden: tuple[int, ...] = (32, 16)
    dropout: float = 0.4
    cross_layers: int = 1
    cross_rank: int = 8
    outputs: int = 1  # whether the coupon is redeemed


class CouponNetwork(nn.Module):
    def __init__(self, config: CouponConfig) -> None:
        super().__init__()
        self.floats = Floats(config.statistics)
        self.categories = Categories(config.categories, config.category_dimension)
        self.forget = nn.Dropout(config.dropout)
        width = self.floats.width + self.categories.width
        self.network = CrossNetwork(config, width)

    def forward(self, numbers: Tensor, rows: Tensor) -> Tensor:
        """(B, F) raw numbers, NaN unknown, and (B, G) rows to (B,) logits."""
        known = torch.cat([self.floats(numbers), self.categories(rows)], dim=-1)
        return self.network(self.forget(known)).squeeze(-1)  # type: ignore[no-any-return]


class CouponLesson(lightning.LightningModule):
    """Binary cross-entropy; a batch has `numbers`, `rows` and `redeemed`."""

    def __init__(
        self, model: CouponNetwork, learning_rate: float, weight_decay: float, steps: int
    ) -> None:
        super().__init__()
        self.model, self.steps = model, steps
        self.learning_rate, self.weight_decay = learning_rate, weight_decay

    def training_step(self, batch: Mapping[str, Tensor], _: int) -> Tensor:
        logit = self.model(batch["numbers"], batch["rows"])
        return functional.binary_cross_entropy_with_logits(logit, batch["redeemed"])

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        return falling(self.parameters(), self.learning_rate, self.weight_decay, self.steps)
