"""What may be suggested to somebody who types."""

from collections.abc import Iterable
from dataclasses import dataclass

MOST_PHRASES = 200_000


@dataclass(frozen=True, slots=True)
class Phrase:
    """What may be suggested; `weight` says how popular what it finds is."""

    text: str
    weight: float


def phrases_of(texts: Iterable[tuple[str, float]]) -> list[Phrase]:
    """Each text once with the sum of its weights, the heaviest MOST_PHRASES; ties by text."""
    weights: dict[str, float] = {}
    for written, weight in texts:
        if text := written.strip():
            weights[text] = weights.get(text, 0.0) + weight
    best = sorted(weights, key=lambda text: (-weights[text], text))
    return [Phrase(text, weights[text]) for text in best[:MOST_PHRASES]]
