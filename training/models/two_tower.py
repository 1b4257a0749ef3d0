"""The retriever: a user tower and an item tower that meet in a dot product.

Sampled softmax with the log-Q correction of Yi et al., "Sampling-bias-corrected neural modeling for
large corpus item recommendations" (RecSys 2019). Vectors are normalised, so that the same item vectors
answer "similar items" by cosine; an item's popularity is a bias of its own in the last coordinate.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pytorch_lightning as lightning
import torch
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.nn import functional

from training.models.inputs import Categories, FeatureConfig, Floats, Pooled, embedding
from training.models.optimizer import falling


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
        self.item_table = embedding(features.items, wide)
        self.history_table = embedding(features.items, wide)
        self.item_categories = Categories(features.item_categories, narrow)
        self.user_categories = Categories(features.user_categories, 4)
        self.user_floats = Floats(features.user_statistics)
        self.item_floats = Floats(features.item_statistics)
        self.pooled = Pooled()
        self.dropout = nn.Dropout(config.dropout)
        affinity = narrow * len(features.affinities)
        user_width = 2 * wide + affinity + self.user_categories.width + self.user_floats.width
        self.user_mlp = _mlp(user_width, 2 * wide, wide, config.dropout)
        item_width = self.item_categories.width + self.item_floats.width
        self.item_mlp = _mlp(item_width, wide, wide, config.dropout)
        self.popularity = nn.Linear(self.item_floats.width, 1)
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
            table = self.item_categories.tables[column]
            rows, shares = inputs[f"{name}_key__row"], inputs[f"{name}_share"]
            parts.append(self.pooled(table, rows, shares))
        if features.user_categories:
            parts.append(self.user_categories(inputs["user_key__row"]))
        parts.append(self.user_floats(inputs["user_float"]))
        vector = self.user_mlp(self.dropout(torch.cat(parts, dim=-1)))
        unit = functional.normalize(vector, dim=-1) * torch.exp(-self.log_temperature)
        return torch.cat([unit, torch.ones_like(unit[..., :1])], dim=-1)

    def item(self, item_row: Tensor, category_rows: Tensor, raw_floats: Tensor) -> Tensor:
        """(..., ), (..., G) rows and (..., F) floats to (..., dimension + 1)."""
        floats = self.item_floats(raw_floats)
        described = torch.cat([self.item_categories(category_rows), floats], dim=-1)
        vector = self.dropout(self.item_table(item_row)) + self.item_mlp(self.dropout(described))
        return torch.cat([functional.normalize(vector, dim=-1), self.popularity(floats)], dim=-1)


class TwoTowerLesson(lightning.LightningModule):
    """Teaches the towers: a batch is users of one cut-off, and the items that they share.

    Validation logs `recall`: of what users bought first in the horizon, the share among their `top`
    best items of the whole catalogue.
    """

    def __init__(
        self,
        model: TwoTower,
        learning_rate: float,
        weight_decay: float,
        catalogue: Mapping[str, Tensor],
        top: int,
    ) -> None:
        """`catalogue` has the validation cut-off's items: `pool_row`, `pool_key__row`, `pool_float`."""
        super().__init__()
        self.model = model
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.catalogue, self.top = catalogue, top
        self.losses: list[float] = []
        self.curves: list[dict[str, float]] = []

    def training_step(self, batch: Mapping[str, Tensor], _: int) -> Tensor:
        loss = sampled_softmax(self.model.user(batch) @ self._items(batch).T, batch)
        self.losses.append(float(loss.detach()))
        return loss

    def on_validation_epoch_start(self) -> None:
        self.vectors = self._items(self.catalogue)  # (I, D)

    def validation_step(self, batch: Mapping[str, Tensor], _: int) -> None:
        scores = self.model.user(batch) @ self.vectors.T
        found = recall(scores.masked_fill(batch["barred"], float("-inf")), batch, self.top)
        self.log("recall", found.mean(), batch_size=len(found), prog_bar=True)

    def on_train_epoch_end(self) -> None:
        measures = {name: float(v) for name, v in self.trainer.callback_metrics.items()}
        loss = sum(self.losses) / len(self.losses)
        self.curves.append({"epoch": self.current_epoch + 1, "train_loss": loss, **measures})
        self.losses.clear()

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        steps = int(self.trainer.estimated_stepping_batches)
        return falling(self.parameters(), self.learning_rate, self.weight_decay, steps)

    def _items(self, batch: Mapping[str, Tensor]) -> Tensor:
        return self.model.item(batch["pool_row"], batch["pool_key__row"], batch["pool_float"])


def recall(scores: Tensor, batch: Mapping[str, Tensor], top: int) -> Tensor:
    """(B, I) scores to (B,): the share of each user's purchases among its best `top` items."""
    best = scores.topk(min(top, scores.shape[-1]), dim=-1).indices
    chosen = torch.zeros_like(scores).scatter(1, best, 1.0)
    hits = chosen[batch["bought_user"], batch["bought_item"]]
    nothing = torch.zeros(len(scores))
    found = nothing.index_add(0, batch["bought_user"], hits)
    return found / nothing.index_add(0, batch["bought_user"], torch.ones_like(hits))


def sampled_softmax(logits: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
    """Mean over purchases (u, i) of -log softmax of i among the items that u could have bought first.

    The items left out of the draw are made up for by weighing each drawn one with 1 / q, so that the sum
    estimates that over the whole catalogue.

    Args:
        logits: (B, P) of the batch's users and its pool of items.
        batch: `pool_log_q` (P,) log of the probability that an item is drawn as a negative; `barred`
            (B, P) true where an item wasn't drawn, or the user owns or buys it; `bought_user`,
            `bought_item` (N,) the purchases, as positions in the batch and the pool.
    """
    negatives = (logits - batch["pool_log_q"]).masked_fill(batch["barred"], float("-inf"))
    rest = torch.logsumexp(negatives, dim=-1)  # (B,)
    own = logits[batch["bought_user"], batch["bought_item"]]  # (N,)
    return functional.softplus(rest[batch["bought_user"]] - own).mean()


def _mlp(width: int, hidden: int, out: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(width, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, out)
    )
