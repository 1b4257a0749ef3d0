"""The Transformer retriever: SASRec over the latest purchases.

Kang and McAuley, "Self-attentive sequential recommendation" (ICDM 2018), with an item side that knows
categories and popularity, and attention that knows times. It is taught what is taken within the horizon,
not the very next item: within a basket there is no order.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.models.attention import Attention
from training.models.history import LONGEST_DAYS, History, Tokens
from training.models.inputs import DAY_S
from training.models.item_tower import ItemTower, unit
from training.models.sequence_config import SequenceConfig


class SasRec(nn.Module):
    """Takes `recent_item__row`, `recent_s` and `request_time`."""

    def __init__(self, config: SequenceConfig) -> None:
        super().__init__()
        self.config = config
        features, size = config.features, config.dimension
        self.items = ItemTower(features, size, config.category_dimension, config.dropout)
        self.history = History(features, size, config.embedding_dropout)
        self.places = nn.Parameter(torch.zeros(config.length, size))
        self.nothing = nn.Parameter(
            torch.zeros(1, 1, size)
        )  # behind the oldest token, always there
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.last = nn.LayerNorm(size)
        self.log_temperature = nn.Parameter(torch.tensor(config.temperature).log())

    def user(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """(B, dimension + 1): the state of the newest token."""
        tokens = self.history(inputs)
        states, real = self._states(tokens, tokens.days.unsqueeze(1)), tokens.real
        empty = ~real[:, :1].unsqueeze(-1)
        newest = torch.where(empty, states[:, -1:], states[:, :1]).squeeze(1)
        return unit(self.last(newest), self.log_temperature)

    def moments(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """(B, L, dimension + 1): the state of each token, which knows nothing newer than itself.

        Takes no `request_time`: each is asked at the moment of its own token.
        """
        seconds = inputs["recent_s"]
        ago = (seconds.unsqueeze(2) - seconds.unsqueeze(1)).to(torch.float32) / DAY_S
        days = functional.pad(
            ago.clamp(0.0, LONGEST_DAYS), (0, 0, 0, 1)
        )  # nothing hears itself alone
        states = self._states(self.history.moments(inputs), days)
        return unit(self.last(states[:, :-1]), self.log_temperature)

    def _states(self, tokens: Tokens, days: Tensor) -> Tensor:
        """(B, L + 1, dimension), the last of nothing at all; `days` (B, L + 1 or 1, L) since each."""
        length = tokens.values.shape[1]
        none = self.nothing.expand(tokens.values.shape[0], -1, -1)
        states = torch.cat([tokens.values + self.places[:length], none], dim=1)
        days = functional.pad(days, (0, 1))
        real = torch.cat([tokens.real, torch.ones_like(tokens.real[:, :1])], dim=1)
        # Newest first: a token sees itself and what was before it.
        place = torch.arange(length + 1, device=states.device)
        seen = (place.unsqueeze(1) <= place).unsqueeze(0) & real.unsqueeze(1)
        for layer in self.layers:
            states = layer(states, days, seen)
        return states

    def item(self, item_row: Tensor, category_rows: Tensor, raw_floats: Tensor) -> Tensor:
        """(..., ), (..., G) rows and (..., F) floats to (..., dimension + 1)."""
        return self.items(item_row, category_rows, raw_floats)  # type: ignore[no-any-return]


class Layer(nn.Module):
    """Attention and a step of each token by itself, both added to what was there."""

    def __init__(self, config: SequenceConfig) -> None:
        super().__init__()
        size = config.dimension
        self.before, self.after = nn.LayerNorm(size), nn.LayerNorm(size)
        self.attention = Attention(size, config.heads)
        self.step = nn.Sequential(
            nn.Linear(size, size), nn.GELU(), nn.Dropout(config.dropout), nn.Linear(size, size)
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, states: Tensor, days: Tensor, seen: Tensor) -> Tensor:
        """(B, L, D), (B, L or 1, L) days since, (B, L, L) what each sees: (B, L, D)."""
        usual = self.before(states)
        states = states + self.dropout(self.attention(usual, usual, days, seen))
        return states + self.dropout(self.step(self.after(states)))  # type: ignore[no-any-return]
