"""What the gateway recorded joins the data set: each event once, and nothing that was not known yet."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from serving.ingest.logged_events import SCHEMA
from tests.unit.training.bundle.shop import NOW, prepared_shop, silent
from training.prepare.__main__ import prepare
from training.prepare.contract import DataSet, open_data_set
from training.prepare.recorded import recorded_events, with_recorded

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    prepared_shop(folder)
    return folder


@pytest.fixture(scope="module")
def data(state: Path) -> DataSet:
    return open_data_set(state / "dataset")


@pytest.fixture
def last(data: DataSet) -> datetime:
    found: datetime = data.events.select(pl.col("time").max()).collect().item()
    return found


def line(event_id: str, time: datetime, **more: Any) -> dict[str, Any]:
    usual = {"event_id": event_id, "user_id": "1", "item_id": "2", "kind": "purchase"}
    return usual | {"event_time": time, "arrival_time": time} | more


def log(*lines: dict[str, Any]) -> pl.LazyFrame:
    return pl.DataFrame(list(lines), schema=SCHEMA).lazy()


def test_an_event_has_the_columns_of_the_data_set(data: DataSet, last: datetime) -> None:
    recorded = recorded_events(
        data, log(line("a", last + DAY), line("b", last + DAY, group_id="g", quantity=3.0)), last + 2 * DAY
    )  # fmt: skip
    assert recorded["user_id"].dtype == pl.Int64
    assert recorded["group"].to_list() == [f"{last + DAY:%Y-%m-%d}", "g"]
    assert recorded["quantity"].to_list() == [1.0, 3.0]
    joined = with_recorded(data, recorded).events.collect()
    assert joined.height == data.events.collect().height + 2
    assert joined.columns == data.events.collect_schema().names()


def test_what_came_later_what_is_nobodys_and_what_came_twice_is_left_out(
    data: DataSet, last: datetime
) -> None:
    now = last + 2 * DAY
    lines = [
        line("kept", last + DAY),
        line("kept", last + DAY),
        line("kept", last + DAY, user_id="3"),  # another person's
        line("arrived later", last + DAY, arrival_time=now),
        line("nobody's", last + DAY, user_id=None),
    ]
    assert recorded_events(data, log(*lines), now)["user_id"].sort().to_list() == [1, 3]


def test_an_event_from_the_future_is_of_the_moment_when_it_came_in(
    data: DataSet, last: datetime
) -> None:
    arrived = (last + DAY).replace(hour=23, minute=59)
    ahead = line("a", arrived + timedelta(minutes=4), arrival_time=arrived)
    recorded = recorded_events(data, log(ahead), arrived + timedelta(minutes=1))
    assert recorded.select("time", "group").rows() == [(arrived, f"{arrived:%Y-%m-%d}")]


def test_a_data_set_with_event_ids_recognises_its_own(data: DataSet, last: datetime) -> None:
    named = replace(data, events=data.events.with_row_index("n").with_columns(
        event_id=pl.format("e{}", "n")).drop("n"))  # fmt: skip
    found = recorded_events(named, log(line("e0", last - DAY), line("x", last - DAY)), last + DAY)
    assert found.height == 1


def test_without_event_ids_only_what_is_after_its_last_event_counts(
    data: DataSet, last: datetime
) -> None:
    nameless = replace(data, events=data.events.with_columns(event_id=pl.lit(None, pl.String)))
    lines = log(line("a", last), line("b", last + timedelta(seconds=1)))
    assert recorded_events(nameless, lines, last + DAY).height == 1


def test_an_empty_log_leaves_the_data_set_as_it_is(data: DataSet) -> None:
    assert (
        with_recorded(data, recorded_events(data, log(), datetime(2100, 1, 1, tzinfo=UTC))) is data
    )


def test_prepared_rows_know_what_was_recorded(state: Path) -> None:
    folder = state / "events/day=2024-01-01"
    folder.mkdir(parents=True)
    item = pl.read_parquet(state / "prepared/catalogue.parquet")["item_id"][0]
    when = NOW - timedelta(hours=1)
    lines = [line("new", when, user_id="987654321", item_id=item)]
    pl.DataFrame(lines, schema=SCHEMA).write_parquet(folder / "000000000001-0-of-1.parquet")
    prepare(state, NOW, 4, silent())
    rows = pl.read_parquet(state / "prepared/views/user_history.parquet")
    found = rows.filter(pl.col("user_id") == 987654321, pl.col("event_timestamp") == NOW)
    assert found["owned_item"].to_list() == [[int(item)]]
