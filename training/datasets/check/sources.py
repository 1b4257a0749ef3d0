"""Finds a table's file and makes it readable: parquet as it is, CSV as parquet of texts."""

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from training.datasets.errors import DamagedFile

ROW = "row"
KINDS = ("parquet", "csv")
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True, slots=True)
class Source:
    """A table's file; every scan numbers the rows from 1."""

    path: Path  # of the parquet form
    kind: str
    schema: pl.Schema  # without the row's number
    row: str  # the number's column; the table may have a column `row` of its own

    def scan(self) -> pl.LazyFrame:
        return pl.scan_parquet(self.path, row_index_name=self.row, row_index_offset=1)

    def column(self, name: str) -> pl.DataFrame:
        """`row` and `source`: one column's cells."""
        cells = self.scan().select(pl.col(self.row).alias(ROW), pl.col(name).alias("source"))
        with self.reading():
            frame = cells.collect(engine="streaming")
        untyped = frame.schema["source"] == pl.Null
        return frame.with_columns(pl.col("source").cast(pl.String)) if untyped else frame

    def rows(self) -> pl.DataFrame:
        with self.reading():
            return self.scan().select(pl.col(self.row).alias(ROW)).collect(engine="streaming")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Around what reads a scan. Raises DamagedFile."""
        try:
            yield
        except pl.exceptions.ComputeError as error:
            first = str(error).splitlines()[0]
            raise DamagedFile(f"{self.path.name} is damaged ({first}); write it anew") from error


def open_source(folder: Path, table: str, scratch: Path) -> Source | str:
    """The table's file, or what is wrong with it. `scratch` takes the parquet form of a CSV file."""
    found = [folder / f"{table}.{kind}" for kind in KINDS if (folder / f"{table}.{kind}").is_file()]
    if not found:
        return f"neither {table}.parquet nor {table}.csv is in the folder"
    if len(found) > 1:
        return f"both {table}.parquet and {table}.csv are in the folder; remove one"
    kind = found[0].suffix[1:]
    if kind == "csv" and (reason := _not_text(found[0])):
        return reason
    try:
        path = (
            found[0] if kind == "parquet" else _as_parquet(found[0], scratch / f"{table}.parquet")
        )
        schema = pl.scan_parquet(path).collect_schema()
    except pl.exceptions.NoDataError:
        return f"{found[0].name} is empty; it needs a line of column names"
    except (pl.exceptions.PolarsError, OSError) as error:
        return _reason(found[0], str(error))
    row = next(name for name in (ROW, "row_", "row__") if name not in schema)
    return Source(path, kind, schema, row)


def foreign_separator(source: Source) -> str:
    """What a CSV file with a single column is probably separated by; empty if nothing shows it."""
    (name,) = source.schema if len(source.schema) == 1 else ("",)
    found = max(SEPARATORS, key=name.count)
    return SEPARATORS[found] if source.kind == "csv" and found in name else ""


def _as_parquet(csv: Path, path: Path) -> Path:
    pl.scan_csv(csv, infer_schema=False).sink_parquet(path)
    return path


def _not_text(path: Path) -> str:
    """Why a file can't be CSV, by its first bytes; empty if it may be."""
    with path.open("rb") as file:
        head = file.read(4096)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return f"{path.name} is not in UTF-8; save it as CSV in UTF-8"
    if b"\0" in head:
        return f"{path.name} is no CSV but a binary file; save it as CSV, or name it by what it is"
    return ""


def _reason(path: Path, error: str) -> str:
    if path.suffix != ".csv":
        return f"{path.name} is no parquet file that can be read: {error.splitlines()[0]}"
    if "utf-8" in error.lower() or "utf8" in error.lower():
        return f"{path.name} is not in UTF-8; save it as CSV in UTF-8"
    if "more fields" in error:
        return (
            f"{path.name} has a line with more fields than its first one has names; texts that hold a "
            "comma go into double quotes"
        )
    first = error.splitlines()[0]
    return f"{path.name} is no CSV that can be read ({first}); look for a double quote without its twin"
