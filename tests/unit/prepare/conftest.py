"""A small shop: four users, six items, forty fortnights' worth of purchases, by a seeded draw."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

NOW = datetime(2024, 6, 3, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def events() -> pl.LazyFrame:
    """Clean, keyed events, as prepare hands them to the feature functions; some lie after NOW."""
    draw = np.random.default_rng(7)
    n = 400
    minutes = np.sort(draw.integers(0, 200 * 24 * 60, n))
    items = draw.integers(1, 7, n)
    return (
        pl.DataFrame(
            {
                "user_id": draw.integers(1, 5, n),
                "item_id": items,
                "item_key": items,
                "group": draw.integers(1, 120, n),
                "time": [NOW - timedelta(days=170) + timedelta(minutes=int(m)) for m in minutes],
                "quantity": draw.integers(1, 4, n).astype(float),
                "value": draw.uniform(0.5, 9.0, n).round(2),
                "shelf": items % 3,
            }
        )
        .with_columns(group_key=pl.col("group"))
        .unique(["user_id", "group", "item_id"], maintain_order=True)
        .lazy()
    )
