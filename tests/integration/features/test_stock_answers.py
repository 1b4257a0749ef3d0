"""Feast answers from packed rows as from the SQLite store that comes with it, whatever is written how.

SQLite keeps what came last, packed rows what is newest: so SQLite is given everything in the order of
its event times, and packed rows in any order.
"""

import json
import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from serving.features.feast_types import VALUE_FIELDS
from serving.features.layout import STORED
from tests.fakes.feast_twins import CREATED, FIELDS, KEYS, LONGEST, TIME, Twin, answers, ids, twins

EXAMPLES = int(os.environ.get("RECSERVE_TEST_EXAMPLES", "20"))
START = datetime(2024, 5, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
USERS, SHOPS = ("ada", "bob", "", "zoë"), (0, 1, -1, 2**63 - 1)
MOMENTS = st.integers(0, 7_258_118_400).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
VALUES: Mapping[str, st.SearchStrategy[Any]] = {
    "int64": st.integers(-(2**53), 2**53) | st.just(-1),  # among nulls Feast reads them as doubles
    "int32": st.integers(-(2**31), 2**31 - 1) | st.just(-1),
    "float64": st.floats() | st.just(-1.0),
    "float32": st.floats(width=32) | st.just(-1.0),
    "bool": st.booleans(),
    "string": st.text(max_size=8),
    "bytes": st.binary(max_size=8),
    "unix_timestamp": MOMENTS,
    "uuid": st.uuids().map(str),
    "time_uuid": st.just(str(uuid.UUID(int=1 << 76))),
    "decimal": st.decimals(-999, 999, places=2).map(str),
    "json": st.none()
    | st.integers(0, 9)
    | st.text(max_size=3)
    | st.lists(st.booleans(), max_size=2),
}
ARROW: Mapping[str, pl.DataType] = {
    "int64": pl.Int64(),
    "int32": pl.Int32(),
    "float64": pl.Float64(),
    "float32": pl.Float32(),
    "bool": pl.Boolean(),
    "bytes": pl.Binary(),
    "unix_timestamp": pl.Datetime("us", "UTC"),
}
FULL: Mapping[str, Any] = {  # by which Feast knows what a column holds
    "int64": 5,
    "int32": 5,
    "float64": 0.5,
    "float32": 0.5,
    "bool": True,
    "string": "x",
    "bytes": b"x",
    "unix_timestamp": START,
    "uuid": str(uuid.UUID(int=5)),
    "time_uuid": str(uuid.UUID(int=5)),
    "decimal": "5",
    "json": "5",
}


def scalar_of(kind: str) -> str:
    """The key of VALUES for a type of Feast."""
    base = kind.removeprefix("Array(").removesuffix(")")
    names = {"UnixTimestamp": "unix_timestamp", "TimeUuid": "time_uuid"}
    return names.get(base, base.lower())


def values_of(kind: str) -> st.SearchStrategy[Any]:
    one = VALUES[scalar_of(kind)]
    if scalar_of(kind) == "json":
        one = one.map(json.dumps)
    return st.none() | (st.lists(one, max_size=LONGEST) if kind.startswith("Array") else one)


def row_of(view: str) -> st.SearchStrategy[dict[str, Any]]:
    fields = {
        name: st.integers(-(2**63), 2**63 - 1) if name == f"{view}_n" else values_of(str(kind))
        for name, kind in FIELDS[view].items()
    }
    known = {"user_id": st.sampled_from(USERS), "shop_id": st.sampled_from(SHOPS)}
    return st.fixed_dictionaries(fields | {name: known[name] for name in ids(view)})


@dataclass(frozen=True)
class Written:
    """Rows of a view, in the order of their times, and how they are written."""

    view: str
    how: str
    rows: Sequence[dict[str, Any]]


def written() -> st.SearchStrategy[Written]:
    return st.sampled_from([view for view in KEYS if KEYS[view]]).flatmap(
        lambda view: st.builds(
            Written,
            st.just(view),
            st.sampled_from(["push", "write", "materialize"]),
            st.lists(row_of(view), min_size=1, max_size=5),
        )
    )


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, redis_server: str) -> tuple[Twin, Twin]:
    """On packed rows, and on SQLite."""
    url = f"{redis_server}?db=2"
    with Redis.from_url(url) as client:
        client.flushdb()
    return twins(tmp_path_factory.mktemp("twins"), url)


def do(of: Twin, what: Written, start: datetime, *, backwards: bool) -> None:
    """Rows are a second apart; those of a frame may come the newest first."""
    rows = [
        row | {TIME: start + timedelta(seconds=place), CREATED: START}
        for place, row in enumerate(what.rows)
    ]
    rows = rows[::-1] if backwards else rows
    if what.how == "materialize":
        of.materialize(what.view, frame_of(what.view, rows), start, start + HOUR)
        return
    frame = pd.DataFrame(
        {name: pd.Series([r[name] for r in rows], dtype=object) for name in rows[0]}
    )
    frame = frame.astype({TIME: "datetime64[us, UTC]", CREATED: "datetime64[us, UTC]"})
    (of.push if what.how == "push" else of.write)(what.view, frame)


def frame_of(view: str, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """With a row of somebody else that has every value, first: Feast tells the types by it."""
    full: dict[str, Any] = {"user_id": "nobody", "shop_id": 77}
    schema: dict[str, Any] = {"user_id": pl.String(), "shop_id": pl.Int64()}
    for name, kind in FIELDS[view].items():
        dtype = ARROW.get(scalar_of(str(kind)), pl.String())
        listed = str(kind).startswith("Array")
        schema[name] = pl.List(dtype) if listed else dtype
        full[name] = [FULL[scalar_of(str(kind))]] if listed else FULL[scalar_of(str(kind))]
    schema |= dict.fromkeys((TIME, CREATED), pl.Datetime("us", "UTC"))
    full |= {TIME: min(row[TIME] for row in rows), CREATED: START - HOUR}
    chosen = [name for name in schema if name in rows[0]]
    everybody = [full, *rows] if KEYS[view] else rows  # there is nobody else
    table = [[row[name] for name in chosen] for row in everybody]
    return pl.DataFrame(table, {name: schema[name] for name in chosen}, orient="row")


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    operations=st.lists(written(), min_size=1, max_size=5),
    random=st.randoms(),
    full_names=st.booleans(),
)
def test_what_was_written_in_any_order_is_answered_as_by_the_stock_store(
    both: tuple[Twin, Twin], operations: list[Written], random: Any, *, full_names: bool
) -> None:
    packed, stock = both
    packed.forget()
    stock.forget()
    timed = [(START + n * HOUR * 2, one) for n, one in enumerate(operations)]
    for at, one in timed:
        do(stock, one, at, backwards=False)
    for at, one in random.sample(timed, len(timed)):
        do(packed, one, at, backwards=random.random() < 0.5)
    people = [{"user_id": u, "shop_id": s} for u in (*USERS, "new") for s in (*SHOPS, 9)]
    people += people[:3]
    wanted = [f"{view}:{name}" for view in FIELDS if KEYS[view] for name in FIELDS[view]]
    expected = answers(stock, wanted, people, full_names=full_names)
    assert answers(packed, wanted, people, full_names=full_names) == expected
    some = answers(stock, "some", people, full_names=full_names)
    assert answers(packed, "some", people, full_names=full_names) == some


def test_a_view_of_nobody_has_one_row(both: tuple[Twin, Twin]) -> None:
    """Whether Feast finds what was pushed to one depends on its calls before; packed rows have it."""
    packed, stock = both
    for one in both:
        one.forget()
        rows = [{"weather_n": 1, "sky": "blue"}, {"weather_n": 2, "sky": None}]
        do(one, Written("weather", "materialize", rows), START, backwards=False)
    people, wanted = [{"user_id": "ada"}], ["weather:weather_n", "weather:sky"]
    expected = answers(stock, wanted, people)
    assert answers(packed, wanted, people) == expected
    rows = [{"weather_n": 3, "sky": "red"}]
    do(packed, Written("weather", "push", rows), START + HOUR, backwards=False)
    found = packed.store.get_online_features(wanted, people).to_dict()
    assert (found["weather_n"], found["sky"]) == ([3], ["red"])


RAW: Mapping[str, st.SearchStrategy[Any]] = {
    "int64": st.integers(-(2**63), 2**63 - 1),
    "unix_timestamp": st.integers(-(2**63), 2**63 - 1),
    "int32": st.integers(-(2**31), 2**31 - 1),
    "float64": st.floats() | st.sampled_from([-1.0, float("inf"), float("-inf"), float("nan")]),
    "float32": st.floats(width=32),
    "bool": st.booleans(),
    "bytes": st.binary(max_size=8),
}


def raw_value(name: str) -> st.SearchStrategy[Value]:
    """Of the field `<type>_scalar` or `<type>_list`, or none."""
    scalar, _, form = name.rpartition("_")
    one = RAW.get(scalar, st.text(max_size=8))
    if form == "scalar":
        field = VALUE_FIELDS[scalar]
        return st.just(Value()) | one.map(lambda value: Value(**{field: value}))
    field = VALUE_FIELDS[f"{scalar}_list"]
    kind = type(getattr(Value(), field))
    return st.just(Value()) | st.lists(one, max_size=LONGEST).map(
        lambda values: Value(**{field: kind(val=values)})
    )


def raw_row(form: str) -> st.SearchStrategy[dict[str, Value]]:
    return st.fixed_dictionaries({f"{name}_{form}": raw_value(f"{name}_{form}") for name in STORED})


@settings(max_examples=2 * EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(raw_row("scalar"), raw_row("list"))
def test_values_come_back_byte_for_byte(
    both: tuple[Twin, Twin], scalars: dict[str, Value], lists: dict[str, Value]
) -> None:
    """The extreme integers, -1, NaN, infinities, empty texts, bytes and lists are no nulls."""
    key = EntityKey(join_keys=["user_id"], entity_values=[Value(string_val="raw")])
    found = []
    for one in both:
        one.forget()
        for view, row in (("scalars", scalars), ("lists", lists)):
            table = one.store.get_feature_view(view)
            online = one.store._get_provider().online_store
            online.online_write_batch(one.store.config, table, [(key, row, START, None)], None)
            ((time, values),) = online.online_read(one.store.config, table, [key], list(row))
            found.append((time, {name: values[name].SerializeToString() for name in row}))
    assert found[:2] == found[2:]
    assert found[0][1] == {name: value.SerializeToString() for name, value in scalars.items()}


def test_teardown_leaves_nothing(tmp_path: Path, redis_server: str) -> None:
    url = f"{redis_server}?db=3"
    with Redis.from_url(url) as client:
        client.flushdb()
        packed, _ = twins(tmp_path, url)
        rows = [{"user_id": "ada", "shop_id": 5, "visits_n": 1, "last_seen": [1]}]
        do(packed, Written("visits", "push", rows), START, backwards=False)
        rows = [{"weather_n": 1, "sky": "blue"}]
        do(packed, Written("weather", "materialize", rows), START, backwards=False)
        assert client.exists("recserve:twins:strings")
        packed.store.teardown()
        assert client.keys() == []
