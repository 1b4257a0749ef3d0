"""Targets against plain Python loops, and that nothing outside the horizon is looked at."""

from collections import defaultdict
from datetime import datetime, timedelta

import polars as pl
import pytest

from training.errors import PreparedError
from training.evaluation.held_out import Targets, counts, held_out, rows_of

FORTNIGHT = timedelta(days=14)


def as_sets(targets: Targets) -> dict[int, set[int]]:
    lists = targets.items
    return {
        user: set(lists.values[lists.offsets[n] : lists.offsets[n + 1]].tolist())
        for n, user in enumerate(targets.user_ids.to_list())
    }


def test_targets_are_those_of_a_plain_loop(purchases: pl.DataFrame, cutoff: datetime) -> None:
    rows = purchases.to_dicts()
    owned: dict[int, set[int]] = defaultdict(set)
    inside: dict[int, list[dict]] = defaultdict(list)
    for row in rows:
        if row["time"] < cutoff:
            owned[row["user_id"]].add(row["item_key"])
        elif row["time"] < cutoff + FORTNIGHT:
            inside[row["user_id"]].append(row)
    every = {user: {r["item_key"] for r in mine} for user, mine in inside.items()}
    first = {
        u: min(mine, key=lambda r: (r["time"], r["group"]))["group"] for u, mine in inside.items()
    }
    found = {task: as_sets(one) for task, one in held_out(purchases, cutoff, FORTNIGHT).items()}
    assert found["any"] == every
    assert found["new"] == {u: m - owned[u] for u, m in every.items() if m - owned[u]}
    assert found["basket"] == {
        u: {r["item_key"] for r in mine if r["group"] == first[u]} for u, mine in inside.items()
    }


def test_nothing_after_the_horizon_is_looked_at(purchases: pl.DataFrame, cutoff: datetime) -> None:
    whole = held_out(purchases, cutoff, FORTNIGHT)
    cut = held_out(purchases.filter(pl.col("time") < cutoff + FORTNIGHT), cutoff, FORTNIGHT)
    assert {t: as_sets(one) for t, one in whole.items()} == {
        t: as_sets(one) for t, one in cut.items()
    }


def test_a_household_never_seen_before_is_asked_for_too(
    purchases: pl.DataFrame, cutoff: datetime
) -> None:
    stranger = purchases.head(1).with_columns(
        user_id=pl.lit(99, pl.Int64), time=pl.lit(cutoff + timedelta(days=1))
    )
    found = held_out(pl.concat([purchases, stranger], how="vertical_relaxed"), cutoff, FORTNIGHT)
    assert all(99 in one.user_ids for one in found.values())


def test_a_fortnight_without_purchases_is_refused_in_one_sentence(
    purchases: pl.DataFrame, cutoff: datetime
) -> None:
    with pytest.raises(PreparedError, match="nobody took anything in the 14 days from 2025"):
        held_out(purchases, cutoff.replace(year=2025), FORTNIGHT)


def test_households_without_anything_new_are_not_asked_for_new(
    purchases: pl.DataFrame, cutoff: datetime
) -> None:
    mine = purchases.filter(pl.col("time") < cutoff).head(1)
    again = mine.with_columns(time=pl.lit(cutoff))
    found = held_out(pl.concat([mine, again], how="vertical_relaxed"), cutoff, FORTNIGHT)
    assert counts(found) == {"any": 1, "new": 0, "basket": 1}


def test_rows_are_found_by_id() -> None:
    assert rows_of(pl.Series(["c", "a"]), pl.Series(["a", "b", "c"])).tolist() == [2, 0]
