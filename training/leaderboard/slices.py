"""Parts of the people and of the targets that an average hides; read off roles, never off a source.

New and heavy users are tenths of those who are asked: within four weeks of a cut-off hardly anybody in a
panel is new (4 to 6 of 1,700 in Complete Journey), and a figure of six people would say nothing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.prepare.contract import DataSet

SHARE = 0.1  # of users that are new or heavy, and of items that sell best
WINDOW = timedelta(days=91)  # in which a heavy user buys, and an item sells
COLD = timedelta(days=28)  # first sold so shortly before the cut-off, or later
ALL = "all"
MEANING = {
    "new_users": "the tenth of the users with the fewest baskets before the cut-off",
    "heavy_users": "the tenth with the most purchases in the 91 days before it",
    "no_profile": "users of whom some attribute is unknown",
    "tail_items": "targets that are not in the best-selling tenth of the catalogue in those 91 days",
    "cold_items": "targets first sold within the 28 days before the cut-off, or after it",
    "unsold_items": "those of them that nobody had bought before it: first sold after the cut-off",
}


@dataclass(frozen=True, slots=True)
class Slices:
    """Users by position among those asked for, items by position in the catalogue."""

    users: dict[str, NDArray[np.bool_]]  # (U,) each
    items: dict[str, NDArray[np.bool_]]  # (I,) each: only such targets count


def slices(
    history: pl.DataFrame,
    cutoff: datetime,
    user_ids: pl.Series,
    item_keys: NDArray[np.int64],
    data: DataSet,
) -> Slices:
    """Of a cut-off; `history` holds the purchases before it: user_id, item_key, group, time."""
    late = history.filter(pl.col("time") >= cutoff - WINDOW)
    users = {
        "new_users": _most(-_counted(history, user_ids, pl.col("group").n_unique()), SHARE),
        "heavy_users": _most(_counted(late, user_ids, pl.len()), SHARE),
    }
    unknown = without_profile(data, user_ids)
    if unknown is not None:
        users["no_profile"] = unknown
    items = pl.DataFrame({"item_key": item_keys})
    sold = items.join(
        late.group_by("item_key").len(), on="item_key", how="left", maintain_order="left"
    )
    first = items.join(
        history.group_by("item_key").agg(pl.col("time").min()),
        on="item_key",
        how="left",
        maintain_order="left",
    )
    unsold = first["time"].is_null()
    cold = (first["time"] >= cutoff - COLD).fill_null(value=True)
    best = _most(sold["len"].fill_null(0).to_numpy().astype(np.int64), SHARE)
    kept = {"tail_items": ~best, "cold_items": cold.to_numpy(), "unsold_items": unsold.to_numpy()}
    return Slices(users, kept)


def without_profile(data: DataSet, user_ids: pl.Series) -> NDArray[np.bool_] | None:
    """(U,) users with a null attribute, or listed nowhere; None if users have no attributes."""
    columns = data.user_categoricals + data.user_numerics
    if not columns:
        return None
    known = data.users.drop_nulls(columns).select("user_id").collect()["user_id"]
    return ~user_ids.is_in(known.implode()).to_numpy()


def _counted(rows: pl.DataFrame, user_ids: pl.Series, count: pl.Expr) -> NDArray[np.int64]:
    counted = rows.group_by("user_id").agg(count.alias("count"))
    asked = pl.DataFrame({"user_id": user_ids})
    joined = asked.join(counted, on="user_id", how="left", maintain_order="left")
    return joined["count"].fill_null(0).to_numpy().astype(np.int64)


def _most(counts: NDArray[np.int64], share: float) -> NDArray[np.bool_]:
    """Those with the highest counts, at least one; of equal ones those that stand first."""
    size = max(1, round(share * len(counts)))
    found = np.zeros(len(counts), dtype=np.bool_)
    found[np.argsort(-counts, kind="stable")[:size]] = True
    return found
