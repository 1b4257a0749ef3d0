"""A tidy small shop as somebody would bring it, to be spoilt one way at a time."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml

END = datetime(2024, 6, 30, tzinfo=UTC)
DAYS = 150
DESCRIPTION: Mapping[str, Any] = {
    "version": 1,
    "name": "corner_shop",
    "id_kind": "string",
    "catalogue": {"min_events": 1},
    "tables": {
        "items": {
            "item": {"role": "id"},
            "title": {"role": "title"},
            "shelf": {"role": "category", "level": 1},
            "price": {"role": "numeric"},
        },
        "users": {"user": {"role": "id"}, "town": {"role": "categorical"}},
        "events": {
            "event": {"role": "id"},
            "user": {"role": "user"},
            "item": {"role": "item"},
            "kind": {"role": "kind"},
            "at": {"role": "time"},
            "arrived": {"role": "arrival"},
            "basket": {"role": "group"},
            "count": {"role": "quantity"},
            "paid": {"role": "value"},
        },
    },
}


@dataclass(frozen=True)
class Shop:
    """Tables and their description; each method returns another shop."""

    tables: Mapping[str, pl.DataFrame]
    description: Mapping[str, Any] = field(default_factory=lambda: DESCRIPTION)
    as_csv: tuple[str, ...] = ()

    def having(self, table: str, **columns: pl.Expr) -> "Shop":
        return self.replacing(table, self.tables[table].with_columns(**columns))

    def replacing(self, table: str, frame: pl.DataFrame) -> "Shop":
        return replace(self, tables={**self.tables, table: frame})

    def adding(self, table: str, *rows: Mapping[str, object]) -> "Shop":
        """Rows like the table's last but for what is given."""
        frame = self.tables[table]
        like = frame.tail(1)
        more = [
            like.with_columns(
                pl.lit(v).cast(frame.schema[k], strict=False).alias(k) for k, v in row.items()
            )
            for row in rows
        ]
        return self.replacing(table, pl.concat([frame, *more]))

    def saying(self, **keys: object) -> "Shop":
        return replace(self, description={**self.description, **keys})

    def described(self, table: str, **columns: object) -> "Shop":
        """Columns of a table described anew; None takes one away."""
        mine = {**self.description["tables"].get(table, {}), **columns}
        kept = {name: of for name, of in mine.items() if of is not None}
        return self.saying(tables={**self.description["tables"], table: kept})

    def without(self, table: str) -> "Shop":
        tables = {name: f for name, f in self.tables.items() if name != table}
        roles = {name: of for name, of in self.description["tables"].items() if name != table}
        return replace(self.saying(tables=roles), tables=tables)

    def csv(self, *tables: str) -> "Shop":
        return replace(self, as_csv=tables)

    def write(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(dict(self.description), sort_keys=False, allow_unicode=True)
        (folder / "dataset.yaml").write_text(text, encoding="utf-8")
        for name, frame in self.tables.items():
            if name in self.as_csv:
                frame.write_csv(folder / f"{name}.csv")
            else:
                frame.write_parquet(folder / f"{name}.parquet")
        return folder


def shop(users: int = 30, items: int = 60, events: int = 1500, end: datetime = END) -> Shop:
    """Purchases drawn evenly over the days before `end`; the last lies in its last hour."""
    draw = np.random.default_rng(11)
    back = np.sort(draw.integers(0, DAYS * 24 * 60, events))[::-1]
    back[-1] = 1
    times = [end - timedelta(minutes=int(minutes)) for minutes in back]
    purchases = pl.DataFrame(
        {
            "event": [f"e{n}" for n in range(events)],
            "user": [f"u{n}" for n in draw.integers(0, users, events)],
            "item": [f"i{n}" for n in draw.integers(0, items, events)],
            "kind": ["purchase"] * events,
            "at": times,
            "arrived": times,
            "basket": [f"b{n}" for n in range(events)],
            "count": draw.integers(1, 4, events),
            "paid": draw.uniform(1, 20, events).round(2),
        }
    )
    listed = pl.DataFrame(
        {
            "item": [f"i{n}" for n in range(items)],
            "title": [f"Thing {n}" for n in range(items)],
            "shelf": [f"shelf {n % 4}" for n in range(items)],
            "price": [float(n) + 0.5 for n in range(items)],
        }
    )
    people = pl.DataFrame(
        {
            "user": [f"u{n}" for n in range(users)],
            "town": [("Ulm", "Köln", None)[n % 3] for n in range(users)],
        }
    )
    return Shop({"items": listed, "users": people, "events": purchases})
