"""The recurrent retriever: GRU4Rec over the latest purchases.

Hidasi et al., "Session-based recommendations with recurrent neural networks" (ICLR 2016), with an item
side that knows categories and popularity, and tokens that know times.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from training.models.history import History
from training.models.item_tower import ItemTower, unit
from training.models.recurrence import Recurrence
from training.models.sequence_config import SequenceConfig


class Gru4Rec(nn.Module):
    """Takes `recent_item__row`, `recent_s` and `request_time`."""

    def __init__(self, config: SequenceConfig) -> None:
        super().__init__()
        self.config = config
        features, size = config.features, config.dimension
        self.items = ItemTower(features, size, config.category_dimension, config.dropout)
        self.history = History(features, size, config.embedding_dropout)
        self.recurrence = Recurrence(size)
        self.nothing = nn.Parameter(torch.zeros(size))  # what an empty history says
        self.last = nn.Linear(size, size)
        self.log_temperature = nn.Parameter(torch.tensor(config.temperature).log())

    def user(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """(B, dimension + 1): the state after the newest token."""
        tokens = self.history(inputs)
        person = self.last(self.recurrence(tokens)) + self.nothing
        return unit(person, self.log_temperature)

    def moments(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """(B, L, dimension + 1): the state after each token, which knows nothing newer than itself.

        Takes no `request_time`: each is asked at the moment of its own token.
        """
        states = self.recurrence.moments(self.history.moments(inputs))
        return unit(self.last(states) + self.nothing, self.log_temperature)

    def item(self, item_row: Tensor, category_rows: Tensor, raw_floats: Tensor) -> Tensor:
        """(..., ), (..., G) rows and (..., F) floats to (..., dimension + 1)."""
        return self.items(item_row, category_rows, raw_floats)  # type: ignore[no-any-return]
