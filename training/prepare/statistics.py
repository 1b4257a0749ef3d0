"""Normalisation statistics and vocabularies, from training cut-offs alone."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from serving.features.keys import string_keys

SKEWED = 2.0  # skewness from which a non-negative feature is taken as its logarithm
FIRST_ROW = 2  # 0 is out of vocabulary, 1 is null


def teaching(cutoffs: Sequence[datetime], horizon: timedelta) -> list[datetime]:
    """Those that models are taught by, of ascending ones: neither now nor the validation before it."""
    return [cutoff for cutoff in cutoffs if cutoff + 2 * horizon <= cutoffs[-1]]


def of_views(folder: Path, cutoffs: Sequence[datetime]) -> dict[str, dict[str, float]]:
    """The statistics of every float column of the views, over their rows at some cut-offs."""
    found: dict[str, dict[str, float]] = {}
    for path in sorted(folder.glob("*.parquet")):
        rows = pl.scan_parquet(path)
        floats = [c for c, t in rows.collect_schema().items() if t == pl.Float32]
        if floats:
            at = rows.filter(pl.col("event_timestamp").is_in(cutoffs))
            found |= statistics(path.stem, at.select(floats).collect(), floats)
    return found


def statistics(
    view: str, frame: pl.DataFrame, columns: Iterable[str]
) -> dict[str, dict[str, float]]:
    """Mean and standard deviation of each column, after log1p where it is long-tailed.

    A column without two distinct values has mean 0 and deviation 1: it normalises to itself.
    """
    return {f"{view}.{column}": _statistics(frame[column]) for column in columns}


def _statistics(column: pl.Series) -> dict[str, float]:
    values = column.cast(pl.Float64).drop_nulls().drop_nans()
    if values.n_unique() < 2:
        return {"mean": 0.0, "std": 1.0, "log1p": False}
    skewness = pl.select(values.skew()).item()
    log1p = bool(pl.select(values.min()).item() >= 0 and skewness > SKEWED)
    scaled = values.log1p() if log1p else values
    return {
        "mean": float(pl.select(scaled.mean()).item()),
        "std": max(float(pl.select(scaled.std()).item()), 1e-6),
        "log1p": log1p,
    }


def vocabulary(texts: pl.Series) -> pl.DataFrame:
    """`key`, `row` and `text` of every distinct text, rows from 2 in the order of the text."""
    unique = texts.drop_nulls().unique().sort()
    return pl.DataFrame(
        {
            "key": pl.Series(string_keys(unique.to_list()), dtype=pl.Int64),
            "row": pl.int_range(FIRST_ROW, FIRST_ROW + unique.len(), dtype=pl.Int32, eager=True),
            "text": unique,
        }
    )
