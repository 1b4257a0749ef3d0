"""Mailings as they are taught and asked: by time, and by campaign where something is held out in training."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.errors import PreparedError
from training.prepare.coupon_pairs import KEYS, TEXTS

FOLDS = 4
PAIRS = "pairs.parquet"


@dataclass(frozen=True, slots=True)
class Mailed:
    """R pairs of household and campaign: what was known of each, and what then happened, if that is told."""

    numbers: NDArray[np.float64]  # (R, F), NaN unknown
    texts: pl.DataFrame  # (R, G) strings, null unknown
    campaign: NDArray[np.int64]  # (R,)
    redeemed: NDArray[np.float64]  # (R,) 1 or 0; NaN: not told

    def only(self, which: NDArray[np.bool_]) -> "Mailed":
        return Mailed(
            self.numbers[which],
            self.texts.filter(pl.Series(which)),
            self.campaign[which],
            self.redeemed[which],
        )


def read_pairs(folder: Path) -> pl.DataFrame:
    """Raises PreparedError: the folder was not made."""
    path = folder / PAIRS
    if not path.is_file():
        raise PreparedError(
            f"{path} is missing; run `python -m training.datasets.coupon_responses`"
        )
    return pl.read_parquet(path)


def taught(pairs: pl.DataFrame, split: datetime) -> pl.DataFrame:
    """Of the campaigns that were over by `split`, all that happened in them is known.

    Those that began before the first day of the data are left out: what was redeemed by then isn't known.
    """
    begun = pl.col("bought_baskets").max().over("campaign_id") > 0
    return pairs.filter(pl.col("asked_until") <= split, begun)


def asked(pairs: pl.DataFrame, split: datetime) -> pl.DataFrame:
    """Of the campaigns that start from `split` on."""
    return pairs.filter(pl.col("start") >= split).sort("user_id", "campaign_id")


def mailed(pairs: pl.DataFrame, *, told: bool) -> Mailed:
    known = [name for name in pairs.columns if name not in (*KEYS, *TEXTS)]
    happened = (
        pairs["redeemed"].cast(pl.Float64).to_numpy() if told else np.full(pairs.height, np.nan)
    )
    return Mailed(
        pairs.select(pl.col(known).cast(pl.Float64).fill_null(float("nan"))).to_numpy(),
        pairs.select(TEXTS),
        pairs["campaign_id"].to_numpy(),
        happened,
    )


def folds(campaign: NDArray[np.int64]) -> NDArray[np.int64]:
    """(R,) the fold of each pair: whole campaigns, dealt out from the largest down."""
    keys, counts = np.unique(campaign, return_counts=True)
    dealt = {int(keys[k]): place % FOLDS for place, k in enumerate(np.lexsort((keys, -counts)))}
    return np.array([dealt[int(key)] for key in campaign], dtype=np.int64)
