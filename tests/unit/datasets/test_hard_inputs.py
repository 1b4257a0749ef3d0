"""Hard inputs beside their outcome: what comes of them through check and preparation, or what is said.

Each is the tidy shop of shops.py with one thing spoilt. `Works` counts what is set aside or repaired and
what the prepared catalogue holds; `Refused` are words of the only sentence that its owner reads.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from tests.unit.datasets.shops import END, Shop, shop
from tests.unit.datasets.spoilt import (
    endless,
    every_item_new,
    moved,
    none_of,
    nulls_everywhere,
    numbers_as_ids,
    only_what_is_needed,
    renamed,
    with_offers,
)
from training.data import open_prepared
from training.datasets.errors import DataSetError
from training.datasets.own import copy
from training.prepare.__main__ import prepare

QUIET = Console(quiet=True)
LONG = "name long " * 999 + "name"
SOME = pl.int_range(pl.len()) % 3 == 0  # every third row
RTL = "ספר \u202e ילדים"


@dataclass(frozen=True)
class Works:
    """What is found: table and done to rows; and how many items can be recommended."""

    items: int = 60
    found: Mapping[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True)
class Refused:
    words: str


HARD: dict[str, tuple[Callable[[Shop], Shop], Works | Refused]] = {
    "nothing hard": (lambda s: s, Works()),
    "as CSV": (lambda s: s.csv("items", "users", "events"), Works()),
    "only what is needed": (
        only_what_is_needed,
        Works(found={("items", "noted"): 0, ("events", "noted"): 0}),
    ),
    # Empty and tiny.
    "no items": (lambda s: none_of(s, "items"), Refused("items no row is left")),
    "no events": (lambda s: none_of(s, "events"), Refused("events no row is left")),
    "no users": (lambda s: none_of(s, "users"), Works(found={("users", "noted"): 0})),
    "one user": (lambda _: shop(users=1, events=300), Works(58, {("items", "noted"): 2})),
    "one item": (lambda _: shop(items=1), Refused("at least two items and one user who comes")),
    "one user, one item": (lambda _: shop(1, 1), Refused("at least two items and one user")),
    "one event": (lambda _: shop(events=1), Refused("no item has the 1 events before 2024-06-02")),
    "five weeks": (
        lambda s: s.replacing("events", s.tables["events"].tail(350)),
        Refused("horizon_days: 6 would do"),
    ),
    # Repeated, reordered, missing.
    "every event twice": (
        lambda s: s.replacing("events", pl.concat([s.tables["events"]] * 2)),
        Works(found={("events", "repaired"): 1500}),
    ),
    "events delivered again, later": (
        lambda s: s.adding("events", *({"event": f"e{n}", "arrived": END} for n in range(5))),
        Works(found={("events", "quarantined"): 5}),
    ),
    "events in another order": (
        lambda s: s.replacing(
            "events", s.tables["events"].sample(fraction=1, shuffle=True, seed=1)
        ),
        Works(found={("events", "repaired"): 765}),
    ),
    "nulls everywhere": (nulls_everywhere, Works(found={("events", "repaired"): 4 * 1500})),
    "every third id null": (
        lambda s: s.having("events", user=pl.when(~SOME).then(pl.col("user"))),
        Works(found={("events", "quarantined"): 500}),
    ),
    "an item twice, with other content": (
        lambda s: s.adding("items", {"item": "i1"}, {"item": "i1", "title": "Another"}),
        Works(found={("items", "quarantined"): 2}),
    ),
    # Types.
    "numbers as text, some none": (
        lambda s: s.having(
            "events",
            count=pl.when(SOME).then(pl.lit("two")).otherwise(pl.col("count").cast(pl.String)),
            paid=" " + pl.col("paid").cast(pl.String),
        ),
        Works(found={("events", "quarantined"): 500, ("events", "repaired"): 2500}),
    ),
    "a CSV column of all sorts": (
        lambda s: s.having(
            "items", price=pl.when(SOME).then(pl.lit("n/a")).otherwise(pl.lit("12,5"))
        ).csv("items"),
        Works(found={("items", "repaired"): 40}),
    ),
    "ids as floats": (numbers_as_ids, Works()),
    "negative ids": (
        lambda s: numbers_as_ids(s).having(
            "users", user=pl.when(SOME).then(-1.0).otherwise("user")
        ),
        Works(found={("users", "quarantined"): 10, ("users", "noted"): 10}),
    ),
    "a list where text is meant": (
        lambda s: s.having("items", title=pl.concat_list("title", "title")),
        Refused("items title is of the type List(String)"),
    ),
    # Texts.
    "10,000-character names": (
        lambda s: s.having("items", title=pl.lit(LONG), shelf=pl.lit(LONG) + pl.col("shelf")),
        Works(found={("items", "repaired"): 120}),
    ),
    "10,000-character ids": (
        lambda s: s.having(
            "items", item=pl.when(SOME).then(LONG + pl.col("item")).otherwise("item")
        ),
        Works(40, {("items", "quarantined"): 20, ("events", "quarantined"): 475}),
    ),
    "emoji": (
        lambda s: s.having(
            "items", title="👨‍👩‍👧 " + pl.col("title"), shelf="🧀" + pl.col("shelf")
        ),
        Works(),
    ),
    "right-to-left text": (
        lambda s: s.having("items", title=pl.lit(RTL), shelf=pl.lit(RTL)).having(
            "users", town=pl.lit("القاهرة")
        ),
        Works(),
    ),
    "ids of another script": (
        lambda s: s.having("items", item="商品" + pl.col("item")).having(
            "events", item="商品" + pl.col("item")
        ),
        Works(),
    ),
    "spaces around ids": (
        lambda s: s.having("events", user=" " + pl.col("user") + "\u00a0"),
        Works(found={("events", "repaired"): 1500}),
    ),
    "features that may not be called that": (renamed, Works(found={("items", "noted"): 0})),
    # Times.
    "the year 1970": (moved(-19_700), Works()),
    "the year 2100": (moved(27_700), Refused("events no row is left")),
    "the year 2100, which now says": (
        lambda s: moved(27_700)(s).saying(default_now="2100-04-06T00:00:00Z"),
        Works(),
    ),
    "some times of 1970 and 2100": (
        lambda s: s.adding(
            "events",
            {"event": "a", "at": datetime(1970, 1, 1, tzinfo=UTC)},
            {"event": "b", "at": datetime(2100, 1, 1, tzinfo=UTC)},
        ),
        Works(found={("events", "quarantined"): 3}),
    ),
    "times without end, as databases write them": (
        lambda s: s.having("events", at=endless("at"), arrived=endless("arrived")),
        Works(found={("events", "quarantined"): 1000}),
    ),
    "local days without end": (
        lambda s: s.having("events", at=endless("at", pl.Date)).saying(time_zone="Asia/Tokyo"),
        Works(found={("events", "quarantined"): 1000}),
    ),
    "a day without end as a name": (
        lambda s: s.having("items", title=pl.lit(2**31 - 1, pl.Int32).cast(pl.Date)),
        Works(),
    ),
    "times without a zone": (
        lambda s: s.having("events", at=pl.col("at").dt.replace_time_zone(None)),
        Refused("events at carries no time zone; add time_zone to dataset.yaml"),
    ),
    "times without a zone, which is said": (
        lambda s: s.having("events", at=pl.col("at").dt.strftime("%Y-%m-%d %H:%M")).saying(
            time_zone="Asia/Kolkata"
        ),
        Works(),
    ),
    "times as numbers": (
        lambda s: s.having("events", at=pl.col("at").dt.epoch("s")),
        Refused("events at is a number; say what it counts since 1970"),
    ),
    "times as numbers, of which it is said": (
        lambda s: s.having("events", at=pl.col("at").dt.epoch("s")).described(
            "events", at={"role": "time", "unit": "s"}
        ),
        Works(),
    ),
    # Money.
    "negative prices": (
        lambda s: s.having("events", paid=pl.when(SOME).then(-1.0).otherwise("paid")),
        Works(found={("events", "quarantined"): 500}),
    ),
    "all for free": (
        lambda s: s.having("events", paid=pl.lit(0)),
        Works(found={("events", "repaired"): 1500}),
    ),
    "numbers that are none": (
        lambda s: s.having(
            "events", count=pl.when(SOME).then(float("inf")).otherwise(float("nan"))
        ),
        Works(found={("events", "quarantined"): 500, ("events", "repaired"): 1000}),
    ),
    "numbers that no feature can hold": (
        lambda s: s.having("items", price=pl.when(SOME).then(1e300).otherwise("price")),
        Works(found={("items", "repaired"): 20}),
    ),
    "currencies that are not listed": (
        lambda s: (
            s.having("events", money=pl.when(SOME).then(pl.lit("XXX")).otherwise(pl.lit("EUR")))
            .described("events", money={"role": "currency"})
            .saying(currencies={"EUR": 1.0})
        ),
        Works(found={("events", "quarantined"): 500}),
    ),
    "two currencies and no rate": (
        lambda s: s.having(
            "events", money=pl.when(SOME).then(pl.lit("USD")).otherwise(pl.lit("EUR"))
        ).described("events", money={"role": "currency"}),
        Refused("2 currencies (EUR, USD); say in currencies what one unit is worth"),
    ),
    # Tables that don't fit each other.
    "half of the users are not listed": (
        lambda s: s.replacing("users", s.tables["users"].head(15)),
        Works(found={("users", "noted"): 15}),
    ),
    "none of the users is listed": (
        lambda s: s.having("users", user="x" + pl.col("user")),
        Refused("none of the 30 users of events is listed: events have 'u0'"),
    ),
    "every item is new": (every_item_new, Refused("events no row is left")),
    "every item first sold after now": (
        lambda s: s.saying(default_now="2024-01-05T00:00:00Z"),
        Refused("no item has the 1 events before 2024-01-05 that catalogue.min_events asks for"),
    ),
    "listed items without events": (
        lambda s: s.adding("items", *({"item": f"shelf-warmer {n}"} for n in range(7))),
        Works(found={("items", "noted"): 7}),
    ),
    "no event is of the target kind": (
        lambda s: s.saying(target_kinds=["enrol"]),
        Refused("(enrol); there are 'purchase' (1,500): name the right ones in target_kinds"),
    ),
    "offers that can't be": (
        with_offers,
        Works(
            found={
                ("offers", "quarantined"): 3,
                ("offers", "repaired"): 2,
                ("offer_targets", "quarantined"): 2,
            }
        ),
    ),
}


@pytest.mark.parametrize("name", HARD)
def test_a_hard_input_has_a_useful_result_or_a_clear_error(name: str, tmp_path: Path) -> None:
    spoil, outcome = HARD[name]
    spoil(shop()).write(tmp_path / "brought")
    if isinstance(outcome, Refused):
        with pytest.raises(DataSetError) as told:
            copy(tmp_path / "brought", tmp_path / "dataset", QUIET)
        assert outcome.words in str(told.value)
        assert not (tmp_path / "dataset").exists()
        return
    copy(tmp_path / "brought", tmp_path / "dataset", QUIET)
    assert found(tmp_path) == outcome.found
    prepare(tmp_path, None, 4, QUIET)
    prepared = open_prepared(tmp_path / "prepared")
    assert len(prepared.item_keys) == outcome.items
    targets = pl.read_parquet(prepared.folder / "targets.parquet")
    assert targets["is_new"].any()


def found(state: Path) -> dict[tuple[str, str], int]:
    """Rows that were found, by table and what was done."""
    report = json.loads((state / "data-check/report.json").read_text())
    rows: dict[tuple[str, str], int] = {}
    for one in report["findings"]:
        key = (one["table"], one["done"])
        rows[key] = rows.get(key, 0) + one["rows"]
    return rows
