"""What the shapes of the sequence retrievers depend on: one configuration for both."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from training.models.inputs import FeatureConfig


@dataclass(frozen=True, slots=True)
class SequenceConfig:
    """Plain values: it is stored in the checkpoint."""

    features: FeatureConfig
    dimension: int = 64
    category_dimension: int = 16
    dropout: float = 0.2
    embedding_dropout: float = 0.2
    temperature: float = 0.07
    length: int = 64  # tokens
    layers: int = 2
    heads: int = 2

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def sequence_config(plain: Mapping[str, Any]) -> SequenceConfig:
    """The inverse of `plain`."""
    return SequenceConfig(**{**plain, "features": FeatureConfig(**plain["features"])})
