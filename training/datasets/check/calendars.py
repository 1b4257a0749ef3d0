"""Days and times of tables that no calendar has: databases write `infinity` as the type's largest number.

polars stops the process where it would have to reckon with such a cell, or to print it.
"""

import polars as pl

TICKS = {"ms": 10**3, "us": 10**6, "ns": 10**9}  # in a second
DAY_S = 86_400
MOST_S = 8 * 10**12  # either side of 1970: 250,000 years


def within_calendar(cells: pl.Expr, dtype: pl.Datetime | pl.Date) -> pl.Expr:
    """Cells beyond its first and last day are taken as those."""
    most = _most(dtype)
    physical = cells.to_physical()
    return physical.clip(-most, most).cast(dtype)


def calendar_text(cells: pl.Expr, dtype: pl.Datetime | pl.Date) -> pl.Expr:
    """As text; what no calendar has as its number."""
    physical, most = cells.to_physical(), _most(dtype)
    inside = pl.when(physical.is_between(-most, most)).then(cells)
    return pl.coalesce(inside.cast(pl.String), physical.cast(pl.String))


def _most(dtype: pl.Datetime | pl.Date) -> int:
    """In the type's own units."""
    most = MOST_S * TICKS[dtype.time_unit] if isinstance(dtype, pl.Datetime) else MOST_S // DAY_S
    return min(most, 2**63 - 1)
