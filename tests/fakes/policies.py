"""A policy by hand, as export writes it, and fusions of several members."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

from serving.stages.fuse import Blend, Fusion


def described_policy(sources: Mapping[str, Mapping[str, Any]], fusion: Fusion) -> dict[str, Any]:
    """The JSON."""
    return {
        "version": 2,
        "surfaces": ["SURFACE_PRODUCT"],
        "members": list(fusion.members),
        "fusion": [
            {"members": list(b.members), "weights": list(b.weights), "offset": b.offset}
            for b in fusion.blends
        ],
        "max_candidates": 512,
        "sources": {name: dict(source) for name, source in sources.items()},
        "classification_threshold": 0.2,
    }


def blended(*members: str) -> Fusion:
    """Every subset of them has weights and an offset of its own, none of them plain."""
    subsets = [s for n in range(1, len(members) + 1) for s in combinations(members, n)]
    return Fusion(
        members,
        tuple(
            Blend(some, tuple(0.9 / (1 + place) for place in range(len(some))), 0.1 * number)
            for number, some in enumerate(subsets)
        ),
    )
