"""How a cell becomes an instant: expressions over the column `source`."""

from dataclasses import replace
from typing import Literal

import polars as pl

from training.datasets.check.calendars import within_calendar
from training.datasets.check.readings import CELL, Cells, Reading

ISO = (
    r"^(?<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ](?<clock>[0-9]{2}:[0-9]{2})(?::(?<second>[0-9]{2})(?:[.,](?<fraction>[0-9]{1,9}))?)?)?"
    r" ?(?<zone>[Zz]|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?)?$"
)
TICKS = {"s": 1, "ms": 1_000, "us": 1_000_000}  # in a second
LATEST_S = 10**11  # beyond it no calendar is kept
NO_ZONE = (
    "carries no time zone; add time_zone to dataset.yaml, such as time_zone: America/Sao_Paulo"
)
NO_UNIT = "is a number; say what it counts since 1970, such as {role: time, unit: s} (or ms, us)"
UNREADABLE = "is no time such as 2024-05-31T18:00:00Z or 2024-05-31 18:00"


def instants(dtype: pl.DataType, zone: str | None, unit: str | None) -> Reading | None:
    """Instants in UTC; times without a zone are those of `zone`. None if the type can't be a time."""
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        value = within_calendar(CELL, dtype).dt.convert_time_zone("UTC").dt.cast_time_unit("us")
        return Reading(value, CELL.is_not_null(), UNREADABLE)
    if isinstance(dtype, pl.Datetime | pl.Date):
        bare = _zoned(CELL.is_not_null(), zone)
        local = within_calendar(CELL, dtype).cast(pl.Datetime("us")).alias("local")
        return replace(bare, stages=((local,), *bare.stages))
    if unit is not None and (dtype.is_numeric() or dtype == pl.String):
        return _since_1970(dtype, unit)
    if dtype.is_numeric():
        held = CELL.is_not_null()
        nothing = pl.lit(None, pl.Datetime("us", "UTC"))
        return Reading(nothing, held, refusals=(Cells(NO_UNIT, held),))
    return _written(zone) if dtype in (pl.String, pl.Categorical, pl.Enum) else None


def _since_1970(dtype: pl.DataType, unit: str) -> Reading:
    held = CELL.str.strip_chars() if dtype == pl.String else CELL
    there = (held != "") if dtype == pl.String else held.is_not_null()
    ticks = held.cast(pl.Float64, strict=False).fill_nan(None)
    possible = ticks.abs() < LATEST_S * TICKS[unit]
    # Through a float a microsecond of this century is still exact.
    micros = (pl.when(possible).then(ticks) * (TICKS["us"] // TICKS[unit])).cast(pl.Int64)
    value = micros.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return Reading(value, there, f"is no number that counts {unit} since 1970")


def _written(zone: str | None) -> Reading:
    stripped = CELL.cast(pl.String).str.strip_chars()
    part = pl.col("parts").struct.field
    local = pl.concat_str(
        part("day"),
        pl.lit(" "),
        part("clock").fill_null("00:00"),
        pl.lit(":"),
        part("second").fill_null("00"),
        pl.lit("."),
        part("fraction").fill_null("0"),
    ).str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
    named, ahead = pl.col("zone").is_not_null(), pl.duration(minutes=_minutes(pl.col("zone")))
    bare = _zoned(pl.lit(value=True), zone)
    return Reading(
        pl.when(named)
        .then((pl.col("written") - ahead).dt.replace_time_zone("UTC"))
        .otherwise(bare.value),
        stripped != "",
        UNREADABLE,
        bare.repairs,
        bare.refusals,
        (
            (stripped.str.extract_groups(ISO).alias("parts"),),
            (part("zone").alias("zone"), local.alias("written")),
            (pl.when(pl.col("zone").is_null()).then(pl.col("written")).alias("local"),),
            *bare.stages,
        ),
    )


def _minutes(offset: pl.Expr) -> pl.Expr:
    """Minutes ahead of UTC of `Z`, `+03`, `-0330` or `+05:45`."""
    digits = offset.str.replace(":", "").str.extract(r"^[+-]([0-9]{2,4})$", 1).fill_null("00")
    hours = digits.str.head(2).cast(pl.Int64)
    minutes = digits.str.slice(2).str.replace("^$", "0").cast(pl.Int64)
    sign = pl.when(offset.str.starts_with("-")).then(-1).otherwise(1)
    return sign * (hours * 60 + minutes)


def _zoned(there: pl.Expr, zone: str | None) -> Reading:
    """Of the column `local`, times on the clocks of `zone`."""
    local = pl.col("local")
    if zone is None:
        nothing = pl.lit(None, pl.Datetime("us", "UTC"))
        return Reading(nothing, there, UNREADABLE, refusals=(Cells(NO_ZONE, local.is_not_null()),))

    def on_clock(time: pl.Expr, ambiguous: Literal["earliest", "null"] = "earliest") -> pl.Expr:
        return time.dt.replace_time_zone(zone, ambiguous=ambiguous, non_existent="null")

    found = pl.col("found")
    # Clocks skip an hour in spring; one country skipped a day.
    after = [on_clock(local.dt.offset_by(by)) for by in ("1h", "24h")]
    repairs = (
        Cells(
            "was on the clock twice, as clocks went back; the earlier one is taken",
            found.is_not_null() & on_clock(local, "null").is_null(),
        ),
        Cells(
            "was never on the clock, as clocks went forward; the time after the gap is taken",
            found.is_null() & local.is_not_null(),
        ),
    )
    value = pl.coalesce(found, *after).dt.convert_time_zone("UTC")
    stages = ((on_clock(local).alias("found"),),)
    return Reading(value, there, UNREADABLE, repairs, stages=stages)
