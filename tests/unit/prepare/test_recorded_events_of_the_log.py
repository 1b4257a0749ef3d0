"""What the gateway recorded joins the data set: each event once, and nothing that was not known yet."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from serving.ingest.logged_events import SCHEMA
from tests.meta.imports import ROOT
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


def owned(state: Path, user: int) -> list[list[int]]:
    """At the last cut-off."""
    rows = pl.read_parquet(state / "prepared/views/user_history.parquet")
    last = rows.filter(pl.col("event_timestamp") == rows["event_timestamp"].max())
    return last.filter(pl.col("user_id") == user)["owned_item"].to_list()


def written(folder: Path, *lines: dict[str, Any]) -> None:
    day = folder / "day=2024-01-01"
    day.mkdir(parents=True)
    pl.DataFrame(list(lines), schema=SCHEMA).write_parquet(day / "000000000001-0-of-1.parquet")


def test_prepared_rows_know_what_was_recorded(state: Path) -> None:
    item = pl.read_parquet(state / "prepared/catalogue.parquet")["item_id"][0]
    when = NOW - timedelta(hours=1)
    written(state / "events", line("new", when, user_id="987654321", item_id=item))
    prepare(state, NOW, 4, silent())
    assert owned(state, 987654321) == [[int(item)]]


def test_a_preparation_by_the_clock_knows_what_was_recorded_after_the_data_set_s_now(
    state: Path, tmp_path: Path
) -> None:
    """As the night's does on live data; what came in a moment ago may not be in the log yet."""
    item = pl.read_parquet(state / "prepared/catalogue.parquet")["item_id"][0]
    now = NOW + DAY
    recorded = {7: now - timedelta(minutes=20), 8: now - timedelta(minutes=1)}
    lines = [
        line(f"of {u}", at, user_id=f"98765432{u}", item_id=item) for u, at in recorded.items()
    ]
    written(tmp_path / "log", *lines)
    clock = tmp_path / "clock.json"
    clock.write_text(json.dumps({"offset_s": now.timestamp() - time.time()}))
    known = {"EVENT_LOG": tmp_path / "log", "CLOCK_FILE": clock}
    by_default, by_the_clock = known, known | {"NOW": "clock"}
    prepared_by_the_program(state, by_default)
    assert owned(state, 987654327) == []
    prepared_by_the_program(state, by_the_clock)
    assert owned(state, 987654327) == [[int(item)]]
    assert owned(state, 987654328) == []


def prepared_by_the_program(state: Path, settings: dict[str, str | Path]) -> None:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("RECSERVE_")}
    given = {f"RECSERVE_TRAINING_{name}": str(value) for name, value in settings.items()}
    subprocess.run(
        [sys.executable, "-m", "training.prepare", "--state", state, "--cutoffs", "4"],
        cwd=ROOT,
        env=clean | given,
        check=True,
    )
