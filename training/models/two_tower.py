"""The retriever: a user tower and an item tower that meet in a dot product.

Sampled softmax with the log-Q correction of Yi et al., "Sampling-bias-corrected neural modeling for
large corpus item recommendations" (RecSys 2019). Vectors are normalised, so that the same item vectors
answer "similar items" by cosine; an item's popularity is a bias of its own in the last coordinate.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import pytorch_lightning as lightning
import torch
from torch import Tensor, nn
from torch.nn import functional

from training.models.inputs import Categories, Floats, Pooled, embedding


@dataclass(frozen=True, slots=True)
class TwoTowerConfig:
    """Everything that the shapes depend on, as plain values: it is stored in the checkpoint."""

    items: int  # rows of the item vocabulary
    user_statistics: list[dict[str, float]]
    item_statistics: list[dict[str, float]]
    user_categories: list[int]  # vocabulary sizes, by column
    item_categories: list[int]
    affinities: list[int]  # columns of item_key that users have shares of
    affinity_names: list[str]
    dimension: int = 64
    category_dimension: int = 16
    dropout: float = 0.2
    temperature: float = 0.07

    def plain(self) -> dict[str, object]:
        return asdict(self)


class TwoTower(nn.Module):
    """Towers into one space of `dimension + 1`: a unit vector, and a bias's coordinate."""

    def __init__(self, config: TwoTowerConfig) -> None:
        super().__init__()
        self.config = config
        wide = config.dimension
        self.item_table = embedding(config.items, wide)
        self.history_table = embedding(config.items, wide)
        self.item_categories = Categories(config.item_categories, config.category_dimension)
        self.user_categories = Categories(config.user_categories, 4)
        self.user_floats = Floats(config.user_statistics)
        self.item_floats = Floats(config.item_statistics)
        self.pooled = Pooled()
        self.dropout = nn.Dropout(config.dropout)
        affinity = config.category_dimension * len(config.affinities)
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
        for name, column in zip(self.config.affinity_names, self.config.affinities, strict=True):
            table = self.item_categories.tables[column]
            rows, shares = inputs[f"{name}_key__row"], inputs[f"{name}_share"]
            parts.append(self.pooled(table, rows, shares))
        if self.config.user_categories:
            parts.append(self.user_categories(inputs["user_key__row"]))
        if self.config.user_statistics:
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
    """Teaches the towers: a batch is users of one cut-off, and the items that they share."""

    def __init__(self, model: TwoTower, learning_rate: float, weight_decay: float) -> None:
        super().__init__()
        self.model = model
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.losses: list[float] = []

    def training_step(self, batch: Mapping[str, Tensor], _: int) -> Tensor:
        users = self.model.user(batch)  # (B, D)
        items = self.model.item(batch["pool_row"], batch["pool_key__row"], batch["pool_float"])
        loss = sampled_softmax(users @ items.T, batch)
        self.losses.append(float(loss.detach()))
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(
            self.parameters(), lr=self.learning_rate, weight_decay=self.weight_decay
        )


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
