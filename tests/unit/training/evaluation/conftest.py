"""A small shop's purchases, and fortnights of them by a seeded draw."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

CUTOFF = datetime(2024, 6, 3, tzinfo=UTC)


@pytest.fixture
def cutoff() -> datetime:
    return CUTOFF


@pytest.fixture
def purchases() -> pl.DataFrame:
    """Twelve users and thirty items over 120 days, the last forty of which lie after the cut-off."""
    draw = np.random.default_rng(3)
    n = 900
    minutes = np.sort(draw.integers(0, 120 * 24 * 60, n))
    return (
        pl.DataFrame(
            {
                "user_id": draw.integers(1, 13, n),
                "item_key": draw.zipf(1.6, n) % 30,
                "group": draw.integers(1, 400, n),
                "time": [CUTOFF - timedelta(days=80) + timedelta(minutes=int(m)) for m in minutes],
            }
        )
        .unique(["user_id", "item_key", "group"], maintain_order=True)
        .sort("time")
    )
