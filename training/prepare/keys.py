"""The int64 keys of ids and texts, joined on as columns."""

import polars as pl

from serving.features.keys import string_keys


def with_keys(frame: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    """Replaces each text column by its keys; null becomes -1."""
    return frame.with_columns(text_keys(frame[column]) for column in columns)


def item_keys(frame: pl.DataFrame, id_kind: str) -> pl.DataFrame:
    """Adds `item_key` beside `item_id`."""
    ids = frame["item_id"]
    keys = ids.cast(pl.Int64) if id_kind == "integer" else text_keys(ids)
    return frame.with_columns(keys.alias("item_key"))


def text_keys(texts: pl.Series) -> pl.Series:
    """Of each text; -1 of null."""
    unique = texts.drop_nulls().unique()
    keys = pl.Series(string_keys(unique.to_list()), dtype=pl.Int64)
    return texts.replace_strict(unique, keys, default=-1, return_dtype=pl.Int64).fill_null(-1)
