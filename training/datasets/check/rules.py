"""What a row must meet to be accepted, by role; dataframely judges all rows by all rules at once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dataframely as dy
import polars as pl

from serving.features.offer_file import OFFER_SURFACES
from training.datasets.check.columns import Column, Read, Terms
from training.datasets.check.sources import ROW
from training.prepare.contract_roles import INSTANTS, NUMBERS, is_entity_id

LONGEST_ID = 128  # bytes; what the API takes
FIRST_TIME = datetime(1970, 1, 2, tzinfo=UTC)  # a time of zero is a missing one
LAST_TIME = datetime(2101, 1, 1, tzinfo=UTC)
MOST = 1e12  # of a quantity or value; beyond it sums lose their cents
DAY = pl.duration(days=1)


@dataclass(frozen=True, slots=True)
class Rule:
    """What holds of a good row, and what is said of one of which it does not."""

    column: str
    words: str
    holds: pl.Expr


@dataclass(frozen=True, slots=True)
class Judged:
    """Rows by the rules; `broken` has the bad rows' numbers and a Boolean column a broken rule."""

    good: pl.DataFrame
    broken: pl.DataFrame
    rules: Mapping[str, Rule]  # by the column in `broken`


def row_rules(read: Read, terms: Terms) -> list[Rule]:
    """Those that look at one row alone, and at the ids of the tables before."""
    found = [rule for column in read.columns for rule in _of_column(column, read, terms)]
    roles = {column.role: column for column in read.columns}
    if "start" in roles and "end" in roles:
        start, end = roles["start"], roles["end"]
        holds = pl.col(end.inside) > pl.col(start.inside)
        found.append(Rule(end.name, f"is not after {start.name}", holds))
    if "arrival" in roles:
        time, arrival = roles["time"], roles["arrival"]
        holds = pl.col(time.inside) <= pl.col(arrival.inside) + DAY
        found.append(Rule(time.name, f"lies more than a day after {arrival.name}", holds))
    return found


def judge(rows: pl.DataFrame, columns: Sequence[Column], id_kind: str, rules: list[Rule]) -> Judged:
    """Splits the rows; what a rule can't say (null) counts for the row."""
    named = {f"rule {number}": rule for number, rule in enumerate(rules)}
    members: dict[str, Any] = {ROW: dy.UInt32()}
    for column in columns:
        members[column.inside] = _type(column, id_kind)
        members[column.there] = dy.Bool()
    members |= {name: _as_rule(rule.holds) for name, rule in named.items()}
    schema: type[dy.Schema] = type("Rows", (dy.Schema,), members)
    good, failure = schema.filter(rows)
    details = failure.details()
    broken = details.select(ROW, *(pl.col(name) == "invalid" for name in named))
    return Judged(pl.DataFrame(good), broken, named)


def _as_rule(holds: pl.Expr) -> Any:
    @dy.rule()
    def holds_for_row(cls: type[dy.Schema]) -> pl.Expr:  # noqa: ARG001
        return holds

    return holds_for_row


def _type(column: Column, id_kind: str) -> dy.Column:
    if is_entity_id(column.table, column.role):
        return dy.Int64(nullable=True) if id_kind == "integer" else dy.String(nullable=True)
    if column.role in INSTANTS:
        return dy.Datetime(nullable=True, time_zone="UTC", time_unit="us")
    return dy.Float64(nullable=True) if column.role in NUMBERS else dy.String(nullable=True)


def _of_column(column: Column, read: Read, terms: Terms) -> Iterator[Rule]:
    value, there = pl.col(column.inside), pl.col(column.there)
    if column.needed:
        yield Rule(column.name, "is missing", there)
    if column.strict:
        words = read.unreadable[column.inside]
        yield Rule(column.name, words, value.is_not_null() | ~there)
    if is_entity_id(column.table, column.role):
        yield from _id_rules(column, value, terms)
    if column.role in INSTANTS:
        yield from _time_rules(column, value, terms)
    yield from _role_rules(column, value, read, terms)


def _id_rules(column: Column, value: pl.Expr, terms: Terms) -> Iterator[Rule]:
    if terms.id_kind == "string":
        short = value.str.len_bytes() <= LONGEST_ID
        yield Rule(column.name, f"is longer than {LONGEST_ID} bytes", short)
    if column.role == "item" and column.needed and "items" in terms.known:
        yield Rule(column.name, "is not in items", value.is_in(terms.known["items"].implode()))


def _time_rules(column: Column, value: pl.Expr, terms: Terms) -> Iterator[Rule]:
    yield Rule(column.name, "lies before 2 January 1970", value >= FIRST_TIME)
    if column.role in ("start", "end"):
        yield Rule(column.name, "lies after the year 2100", value <= LAST_TIME)
    else:
        words = f"lies in the future, after {terms.latest:%Y-%m-%d %H:%M} UTC"
        yield Rule(column.name, words, value <= terms.latest)


def _role_rules(column: Column, value: pl.Expr, read: Read, terms: Terms) -> Iterator[Rule]:
    if column.role == "quantity":
        kind = next(c.inside for c in read.columns if c.role == "kind")
        taken = pl.col(kind).is_in(list(terms.target_kinds))
        yield Rule(column.name, "is not above 0", (value > 0) | ~taken)
    if column.role == "value":
        yield Rule(column.name, "is negative", value >= 0)
    if column.role in ("quantity", "value"):
        yield Rule(column.name, "is above 10^12", value <= MOST)
    if column.role == "weight":
        yield Rule(column.name, "is not above 0", value > 0)
    if column.role == "currency" and terms.currencies is not None:
        priced = [pl.col(c.inside) for c in read.columns if c.role == "value"]
        unpriced = pl.all_horizontal(p.is_null() for p in priced)
        listed = value.is_in(list(terms.currencies)).fill_null(value=False)
        yield Rule(column.name, "is not in currencies", listed | unpriced)
    if column.role == "surface":
        words = f"is not one of {', '.join(OFFER_SURFACES)}"
        yield Rule(column.name, words, value.is_in(OFFER_SURFACES))
    if column.role == "offer" and "offers" in terms.known:
        yield Rule(column.name, "is not in offers", value.is_in(terms.known["offers"].implode()))
    if column.table == "offers" and column.role == "id":
        short = value.str.len_bytes() <= LONGEST_ID
        yield Rule(column.name, f"is longer than {LONGEST_ID} bytes", short)
