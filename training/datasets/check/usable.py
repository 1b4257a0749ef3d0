"""Whether what is left can be learned from, found out before anything is prepared or trained.

The rules are those of preparation (training/prepare) and of the schedule by which cut-offs teach
(training/learning/schedule.py): retriever, ranker and validation need a horizon each, and people who were
seen before it.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import polars as pl

from training.datasets.check.findings import Finding, refused
from training.learning.schedule import FEWEST_CUTOFFS
from training.prepare.clean import catalogue, clean_events
from training.prepare.contract import DataSet

DAY = timedelta(days=1)
SPAN_HORIZONS = (
    FEWEST_CUTOFFS + 1
)  # three are taught or validated, one scored, one kept for the end
LABELLED = FEWEST_CUTOFFS - 1
SHOWN_KINDS = 10


@dataclass(frozen=True, slots=True)
class Usable:
    """What is refused or worth knowing, and the figures of the data that is left."""

    findings: tuple[Finding, ...]
    facts: dict[str, Any] = field(default_factory=dict)


def usable(data: DataSet) -> Usable:
    """Judges an accepted data set; each refusal says the least that is needed."""
    columns = ("user_id", "item_id", "time")
    taken = clean_events(data.events, data.target_kinds).select(columns).collect(engine="streaming")
    if taken.is_empty():
        return Usable((_no_target(data),))
    users, notes = _users(data, taken)
    now = data.default_now
    listed = catalogue(taken.lazy(), now, data.min_events).collect()
    inside = taken.join(listed, on="item_id", how="semi").filter(pl.col("time") < now)
    items = data.items.select(pl.len()).collect().item()
    facts = {
        "events_taken": taken.height,
        "users": taken["user_id"].n_unique(),
        "first_event": str(taken["time"].min()),
        "last_event": str(taken["time"].max()),
        "now": now.isoformat(),
        "horizon_days": data.horizon // DAY,
        "items": items,
        "catalogue_items": listed.height,
    }
    if listed.height < items:
        notes.append(_outside_catalogue(data, items - listed.height, items))
    if taken.filter(pl.col("time") >= now, pl.col("time") < now + data.horizon).is_empty():
        words = f"none in the {data.horizon.days} days from now on: make score can't judge"
        notes.append(Finding("events", "", words, "noted"))
    problems = [*users, *_history(data, taken, inside, listed.height)]
    return Usable((*problems, *notes), facts)


def _no_target(data: DataSet) -> Finding:
    counts = data.events.group_by("kind").len().sort("len", descending=True).head(SHOWN_KINDS)
    shown = ", ".join(f"{kind!r} ({count:,})" for kind, count in counts.collect().rows())
    return refused(
        "events",
        "",
        f"no event is of a kind that counts as taking an item ({', '.join(data.target_kinds)}); there are "
        f"{shown}: name the right ones in target_kinds of dataset.yaml",
    )


def _users(data: DataSet, taken: pl.DataFrame) -> tuple[list[Finding], list[Finding]]:
    """Refusals and notes: unlisted users are served, their attributes are unknown."""
    known = data.users.select("user_id").unique().collect(engine="streaming")
    active = taken.select("user_id").unique()
    absent = active.join(known, on="user_id", how="anti")
    if absent.height == active.height:
        seen = ", ".join(repr(u)[:40] for u in active["user_id"].sort().head(3).to_list())
        other = ", ".join(repr(u)[:40] for u in known["user_id"].sort().head(3).to_list())
        words = (
            f"none of the {active.height:,} users of events is listed: events have {seen}, users {other}; "
            "give both tables the same ids, or take users out of dataset.yaml"
        )
        return [refused("users", "", words)], []
    if absent.is_empty():
        return [], []
    words = (
        f"{absent.height:,} of {active.height:,} users of events are not listed: attributes unknown"
    )
    return [], [Finding("users", "", words, "noted", absent.height)]


def _outside_catalogue(data: DataSet, count: int, items: int) -> Finding:
    words = (
        f"{count:,} of {items:,} have fewer events before now than the {data.min_events:,} that "
        "catalogue.min_events asks for: not recommended"
    )
    return Finding("items", "", words, "noted", count)


def _history(data: DataSet, taken: pl.DataFrame, inside: pl.DataFrame, items: int) -> list[Finding]:
    now, horizon = data.default_now, data.horizon
    if items == 0:
        earlier = taken.filter(pl.col("time") < now)
        most = earlier.group_by("item_id").len().select(pl.col("len").max()).item() or 0
        return [
            refused(
                "items",
                "",
                f"no item has the {data.min_events:,} events before {now:%Y-%m-%d} that "
                f"catalogue.min_events asks for (the most is {most}); lower it, set a later default_now, "
                "or bring more events",
            )
        ]
    if inside.select(pl.col("time").min()).item() >= now - LABELLED * horizon:
        return [_too_short(data, taken)]
    return _lessons(data, inside)


def _too_short(data: DataSet, taken: pl.DataFrame) -> Finding:
    first, last = taken.select(pl.col("time").min(), last=pl.col("time").max()).row(0)
    days = (last - first) / DAY
    possible = int(days // SPAN_HORIZONS)
    hint = f"horizon_days: {possible} would do" if possible else "bring more days of events"
    return refused(
        "events",
        "",
        f"events begin on {first:%Y-%m-%d} and now is {data.default_now:%Y-%m-%d}; something has to be "
        f"taken more than {LABELLED} horizons of {data.horizon.days} days before now, and {SPAN_HORIZONS} "
        f"horizons in all are best, where there are {days:.1f} days: {hint}",
    )


def _lessons(data: DataSet, inside: pl.DataFrame) -> list[Finding]:
    """By horizon before now, 1 the last: what known users took, and what of it for the first time."""
    back = (data.default_now - pl.col("time")).dt.total_microseconds()
    horizon_us = data.horizon // timedelta(microseconds=1)
    age = (back - 1) // horizon_us + 1
    cutoff = pl.lit(data.default_now) - data.horizon * pl.col("age")
    known = pl.col("time").min().over("user_id") < pl.col("cutoff")
    new = pl.col("time").min().over("user_id", "item_id") >= pl.col("cutoff")
    horizons = (
        inside.with_columns(age=age)
        .with_columns(cutoff=cutoff)
        .with_columns(known=known, new=known & new)
        .group_by("age")
        .agg(pl.col("known", "new").sum())
    )
    taught = horizons.filter(pl.col("age") >= LABELLED)["new"].sum()
    lacking = [
        number
        for number in range(1, LABELLED)
        if not horizons.filter(pl.col("age") == number)["known"].sum()
    ]
    found = []
    if not taught:
        words = (
            f"nobody with a history took an item for the first time up to "
            f"{data.default_now - (LABELLED - 1) * data.horizon:%Y-%m-%d}; at least two items and one "
            "user who comes back for another one are needed before then"
        )
        found.append(refused("events", "", words))
    for back_to in lacking:
        begin = data.default_now - back_to * data.horizon
        words = (
            f"nobody with a history took anything in the {data.horizon.days} days from "
            f"{begin:%Y-%m-%d}, which the models are taught or judged by; set an earlier default_now, "
            "a longer horizon_days, or bring more events"
        )
        found.append(refused("events", "", words))
    return found
