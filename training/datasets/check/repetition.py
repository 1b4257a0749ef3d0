"""Rows that say again what another row says, and ids that are used twice."""

from dataclasses import dataclass

import polars as pl

from training.datasets.check.columns import Column
from training.datasets.check.sources import ROW

IDENTIFIED = ("items", "users", "offers")


@dataclass(frozen=True, slots=True)
class Distinct:
    """The rows that stay; the others' numbers by what was done about them."""

    rows: pl.DataFrame
    repeated: pl.Series  # the same in every column: dropped
    delivered_again: pl.Series  # the same event, later: dropped
    clashing: pl.Series  # another content under an id that is taken: quarantined


def distinct(rows: pl.DataFrame, table: str, columns: tuple[Column, ...]) -> Distinct:
    """The first of equal rows stays; of an id's rows the first, of an event's the earliest arrived."""
    first = rows.select(pl.struct(c.inside for c in columns).is_first_distinct()).to_series()
    nothing = rows[ROW].clear()
    kept, repeated = rows.filter(first), rows.filter(~first)[ROW]
    roles = {column.role: column.inside for column in columns}
    if "id" not in roles or table not in (*IDENTIFIED, "events"):
        return Distinct(kept, repeated, nothing, nothing)
    if table in IDENTIFIED:
        first = kept[roles["id"]].is_first_distinct()
        return Distinct(kept.filter(first), repeated, nothing, kept.filter(~first)[ROW])
    again, clashing = _deliveries(kept, roles)
    gone = pl.concat([again, clashing])
    return Distinct(kept.filter(~pl.col(ROW).is_in(gone.implode())), repeated, again, clashing)


def _deliveries(rows: pl.DataFrame, roles: dict[str, str]) -> tuple[pl.Series, pl.Series]:
    """Rows with an event id that an earlier arrived row has: the same event, or another one."""
    event = roles["id"]
    arrived = roles.get("arrival", roles["time"])
    about = [roles[role] for role in ("user", "item", "kind")]
    several = rows.filter(pl.col(event).is_duplicated() & pl.col(event).is_not_null())
    ordered = several.sort(arrived, ROW, nulls_last=True).select(ROW, event, *about)
    later = ordered.filter(~pl.col(event).is_first_distinct())
    originals = ordered.filter(pl.col(event).is_first_distinct()).drop(ROW)
    again = later.join(originals, on=[event, *about], how="semi")[ROW]
    return again, later.filter(~pl.col(ROW).is_in(again.implode()))[ROW]
