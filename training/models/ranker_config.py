"""What a ranker's shapes depend on; one configuration for every kind of network."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from training.models.inputs import FeatureConfig
from training.models.item_to_item import ItemToItemConfig, item_to_item_config
from training.models.two_tower import TwoTowerConfig, two_tower_config

TUPLES = ("hidden", "heights", "actions")


@dataclass(frozen=True, slots=True)
class RankerConfig:
    """Plain values: it is stored in the checkpoint."""

    features: FeatureConfig
    tower: TwoTowerConfig  # of the two-tower model inside
    item_to_item: ItemToItemConfig  # of the item-to-item model inside
    network: str = "mlp"  # one of training.models.ranker.NETWORKS
    category_dimension: int = 8
    hidden: tuple[int, ...] = (128, 64)
    dropout: float = 0.1
    cross_layers: int = 2
    cross_rank: int = 64
    # of the networks that read the history
    dimension: int = 32  # of a token
    length: int = 64  # tokens, newest first
    embedding_dropout: float = 0.2  # of whole tokens' identities
    heads: int = 2  # transformer
    heights: tuple[int, ...] = (2, 3, 5, 9)  # cnn: tokens under a filter
    channels: int = 16  # of each height
    vertical: int = 4  # filters over the whole history
    # of the trees
    trees: int = 400
    leaves: int = 63
    tree_depth: int = 12
    actions: tuple[str, ...] = ()  # beside the target: a head each; trees have none

    @property
    def outputs(self) -> int:
        """Logits that a network gives of a candidate."""
        return 1 + len(self.actions)

    def plain(self) -> dict[str, Any]:
        lists = {name: list(getattr(self, name)) for name in TUPLES}
        return {**asdict(self), **lists}


def ranker_config(plain: Mapping[str, Any]) -> RankerConfig:
    """The inverse of `plain`; where no other actions are told of there were none."""
    nested = {
        "features": FeatureConfig(**plain["features"]),
        "tower": two_tower_config(plain["tower"]),
        "item_to_item": item_to_item_config(plain["item_to_item"]),
        **{name: tuple(plain[name]) for name in TUPLES if name in plain},
    }
    return RankerConfig(**{**plain, **nested})
