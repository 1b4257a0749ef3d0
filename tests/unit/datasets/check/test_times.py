"""Times as people write them, against zoneinfo and the calendar."""

from datetime import UTC, date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from training.datasets.check.readings import Reading
from training.datasets.check.times import NO_UNIT, NO_ZONE, instants

SAO_PAULO = "America/Sao_Paulo"


def read(reading: Reading | None, cells: pl.Series) -> list[datetime | None]:
    assert reading is not None
    frame = reading.staged(cells.alias("source").to_frame().lazy()).select(reading.value).collect()
    return frame.to_series().to_list()


def told(reading: Reading, cells: pl.Series) -> list[list[object]]:
    """The cells of which each repair and refusal tells."""
    staged = reading.staged(cells.alias("source").to_frame().lazy())
    wheres = [one.where for one in (*reading.repairs, *reading.refusals)]
    return [staged.filter(where).collect()["source"].to_list() for where in wheres]


def texts(*cells: str | None) -> pl.Series:
    return pl.Series(cells, dtype=pl.String)


@pytest.mark.parametrize(
    ("cell", "instant"),
    [
        ("2024-05-31T18:00:00Z", datetime(2024, 5, 31, 18, tzinfo=UTC)),
        ("2024-05-31 18:00:00+05:45", datetime(2024, 5, 31, 12, 15, tzinfo=UTC)),
        ("2024-05-31 18:00-0330", datetime(2024, 5, 31, 21, 30, tzinfo=UTC)),
        ("2024-05-31t18:00:00.25+02", datetime(2024, 5, 31, 16, 0, 0, 250_000, tzinfo=UTC)),
        ("2024-05-31 18:00:00 UTC", datetime(2024, 5, 31, 18, tzinfo=UTC)),
        (" 2024-05-31 18:00 ", datetime(2024, 5, 31, 21, tzinfo=UTC)),
        ("2024-05-31", datetime(2024, 5, 31, 3, tzinfo=UTC)),
        ("2024-02-30", None),
        ("2024-13-01", None),
        ("31/05/2024", None),
        ("1717178400", None),
        ("", None),
        (None, None),
    ],
)
def test_a_written_time_is_that_of_its_zone_or_of_the_data_sets(
    cell: str | None, instant: datetime | None
) -> None:
    assert read(instants(pl.String(), SAO_PAULO, None), texts(cell)) == [instant]


@pytest.mark.parametrize("zone", [SAO_PAULO, "Asia/Kolkata", "Australia/Lord_Howe", "UTC"])
def test_every_hour_of_a_year_is_where_zoneinfo_says(zone: str) -> None:
    """Of hours that come twice the first, of those that never come what follows the gap."""
    hours = pl.datetime_range(datetime(2018, 1, 1), datetime(2018, 12, 31), "1h", eager=True)  # noqa: DTZ001
    found = read(instants(hours.dtype, zone, None), hours)
    for naive, instant in zip(hours.to_list(), found, strict=True):
        local = naive.replace(tzinfo=ZoneInfo(zone), fold=0)
        expected = local.astimezone(UTC)
        exists = expected.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == naive
        assert instant is not None
        if exists:
            assert instant == expected
        else:
            assert instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None) > naive


def test_a_day_that_a_country_skipped_becomes_the_next_one() -> None:
    skipped = pl.Series([date(2011, 12, 30)])
    found = read(instants(skipped.dtype, "Pacific/Apia", None), skipped)
    assert found == [datetime(2011, 12, 31, tzinfo=ZoneInfo("Pacific/Apia"))]


def test_clocks_that_go_back_and_forward_are_told() -> None:
    cells = texts("2018-02-17 23:30", "2018-11-04 00:30", "2018-06-01 12:00")
    reading = instants(pl.String(), SAO_PAULO, None)
    assert reading is not None
    assert told(reading, cells) == [["2018-02-17 23:30"], ["2018-11-04 00:30"]]


@pytest.mark.parametrize(
    ("cells", "unit", "instant"),
    [
        (pl.Series([1_717_178_400]), "s", datetime(2024, 5, 31, 18, tzinfo=UTC)),
        (
            pl.Series([1_717_178_400_123]),
            "ms",
            datetime(2024, 5, 31, 18, 0, 0, 123_000, tzinfo=UTC),
        ),
        (pl.Series([1_717_178_400_000_001]), "us", datetime(2024, 5, 31, 18, 0, 0, 1, tzinfo=UTC)),
        (pl.Series(["1717178400.5"]), "s", datetime(2024, 5, 31, 18, 0, 0, 500_000, tzinfo=UTC)),
        (pl.Series([2**62]), "s", None),
        (pl.Series(["soon"]), "s", None),
        (pl.Series([float("nan")]), "s", None),
    ],
)
def test_a_number_is_a_time_when_it_is_said_what_it_counts(
    cells: pl.Series, unit: str, instant: datetime | None
) -> None:
    assert read(instants(cells.dtype, None, unit), cells) == [instant]


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (texts("2024-05-31 18:00", "2024-05-31T18:00:00Z"), NO_ZONE),
        (pl.Series([datetime(2024, 5, 31)]), NO_ZONE),  # noqa: DTZ001
        (pl.Series([date(2024, 5, 31)]), NO_ZONE),
        (pl.Series([1_717_178_400]), NO_UNIT),
    ],
)
def test_a_time_that_could_be_another_is_refused(cells: pl.Series, words: str) -> None:
    reading = instants(cells.dtype, None, None)
    assert reading is not None
    (refusal,) = reading.refusals
    assert refusal.words == words
    assert told(reading, cells) == [[cells[0]]]


def test_times_of_any_zone_and_precision_become_utc() -> None:
    for unit in ("ns", "us", "ms"):
        cells = pl.Series([datetime(2024, 5, 31, 18, tzinfo=UTC)]).dt.cast_time_unit(unit)
        tokyo = cells.dt.convert_time_zone("Asia/Tokyo")
        assert read(instants(tokyo.dtype, None, None), tokyo) == [
            datetime(2024, 5, 31, 18, tzinfo=UTC)
        ]


@pytest.mark.parametrize("unit", ["ms", "us"])
@pytest.mark.parametrize("zone", [None, "Asia/Tokyo"])
def test_what_no_calendar_has_is_as_far_away_as_can_be(
    unit: Literal["ms", "us"], zone: str | None
) -> None:
    cells = pl.Series([2**63 - 1, -(2**63), 0]).cast(pl.Datetime(unit, zone))
    reading = instants(cells.dtype, "UTC", None)
    assert reading is not None
    staged = reading.staged(cells.alias("source").to_frame().lazy())
    years = staged.select(reading.value.dt.year()).collect().to_series().to_list()
    assert years == [255_479, -251_540, 1970]


def test_what_is_neither_time_nor_text_nor_number_can_not_be_a_time() -> None:
    assert instants(pl.List(pl.String), "UTC", None) is None
    assert instants(pl.Boolean(), "UTC", None) is None
