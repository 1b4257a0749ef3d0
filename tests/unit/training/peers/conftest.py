"""Purchases written by hand, and two crowds that buy from different shelves."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

CUTOFF = datetime(2024, 6, 3, tzinfo=UTC)
Row = tuple[int, int, int, float]  # user, item, basket, days before the cut-off
Bought = Callable[[Sequence[Row]], pl.DataFrame]


@pytest.fixture
def cutoff() -> datetime:
    return CUTOFF


@pytest.fixture
def bought() -> Bought:
    def frame(rows: Sequence[Row]) -> pl.DataFrame:
        return pl.DataFrame(
            [(u, i, b, CUTOFF - timedelta(days=days)) for u, i, b, days in rows],
            schema={
                "user_id": pl.Int64,
                "item_key": pl.Int64,
                "group": pl.Int64,
                "time": pl.Datetime("us", "UTC"),
            },
            orient="row",
        ).sort("time", "user_id", "group", "item_key")

    return frame


@pytest.fixture
def shop(bought: Bought) -> pl.DataFrame:
    """Users 1 to 30 in 8 baskets each; odd ones buy items 100 to 114, even ones 200 to 214."""
    draw = np.random.default_rng(5)
    rows = [
        (user, int(item), user * 100 + basket, 90.0 - 10 * basket)
        for user in range(1, 31)
        for basket in range(8)
        for item in (100 if user % 2 else 200) + draw.choice(15, 3, replace=False)
    ]
    return bought(rows)
