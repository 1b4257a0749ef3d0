"""The closed table of retrievers: models that search the whole catalogue for a person.

A retriever is a module with `user(inputs)`, which gives (B, D), and `item(rows, category_rows, floats)`,
which gives (..., D); an item's score for a person is the product. Sources of candidates have their names.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from training.models.gru4rec import Gru4Rec
from training.models.item_to_item import ItemToItem, ItemToItemConfig, item_to_item_config
from training.models.sasrec import SasRec
from training.models.sequence_config import SequenceConfig, sequence_config
from training.models.two_tower import TwoTower, TwoTowerConfig, two_tower_config
from training.schema import OWNED, RECENT, RECENT_S, Input, Schema

TWO_TOWER, ITEM_TO_ITEM = "two_tower", "item_to_item"
SEQUENCES = ("sasrec", "gru4rec")
TAUGHT = (TWO_TOWER, *SEQUENCES)  # by gradients
NAMES = (TWO_TOWER, ITEM_TO_ITEM, *SEQUENCES)
Retriever = TwoTower | ItemToItem | SasRec | Gru4Rec
RetrieverConfig = TwoTowerConfig | ItemToItemConfig | SequenceConfig
Retrievers = Mapping[str, Retriever]  # by name

# What of the person each reads; the owned list says to all what not to propose.
_READS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        ITEM_TO_ITEM: OWNED[:2],
        "sasrec": (OWNED[0], RECENT, RECENT_S, "request_time"),
        "gru4rec": (OWNED[0], RECENT, RECENT_S, "request_time"),
    }
)


def new(name: str, config: RetrieverConfig) -> Retriever:
    """A retriever with random weights; of item-to-item, with none."""
    if isinstance(config, TwoTowerConfig):
        return TwoTower(config)
    if isinstance(config, ItemToItemConfig):
        return ItemToItem(config)
    return SasRec(config) if name == "sasrec" else Gru4Rec(config)


def of_plain(name: str, plain: Mapping[str, Any]) -> RetrieverConfig:
    """The configuration of a retriever from what its `plain` gave."""
    if name == TWO_TOWER:
        return two_tower_config(plain)
    if name == ITEM_TO_ITEM:
        return item_to_item_config(plain)
    return sequence_config(plain)


def inputs_of(name: str, of: Schema) -> tuple[Input, ...]:
    """What a retriever is told of a person."""
    if name == TWO_TOWER:
        return of.for_users()
    return tuple(i for i in of.inputs if i.name in _READS[name])
