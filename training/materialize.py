"""Fills the online store: `python -m training.materialize --state STATE [--redis-url URL]`.

Applies the Feast repository, materialises all that is known at the prepared data's now, and counts
the rows that arrived.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import yaml
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from serving.errors import RecserveError
from serving.features.store import RowStore
from serving.local.addresses import redis_url
from training.alone import alone
from training.datasets.errors import DataSetError
from training.errors import PreparedError, TrainingError
from training.feast_project import apply_and_materialize, write_store_file
from training.item_texts import data_set_texts
from training.online_rows import (
    ExpectedView,
    check_rows,
    expected_texts,
    expected_views,
    remove_unknown,
)
from training.settings import read_settings


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.materialize")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--redis-url", help="default: the state folder's own Redis")
    given = parser.parse_args()
    console = Console()
    try:
        registry = read_settings(given.state).feast_registry
        with alone(given.state, "training.materialize", console.print):
            materialize(given.state.resolve(), given.redis_url, console, registry)
    except (RecserveError, TrainingError, DataSetError) as error:
        console.print(f"[red]materialize:[/red] {escape(str(error))}")
        return 1
    return 0


def materialize(
    state: Path, url: str | None, console: Console, registry: str | None = None
) -> None:
    """Applies, materialises and checks.

    Raises:
        PreparedError, DataSetError: there is no prepared data, or it or the data set is incomplete.
        StoreError: rows are missing or superfluous afterwards.
        OutsideError: Redis did not answer.
        RegistryError: the database of the registry did not, or refused.
    """
    described = state / "prepared" / "features.yaml"
    if not described.is_file():
        raise PreparedError(f"{described} is missing; run `python -m training.prepare` first")
    features = yaml.safe_load(described.read_text())
    now = datetime.fromisoformat(features["now"]).astimezone(UTC)
    views = expected_views(described.parent, features, now)
    texts = data_set_texts(state)
    known = [*views, expected_texts(texts, now)] if texts else views
    with RowStore(url or redis_url(state), features["project"]) as store:
        removed = remove_unknown(store, known, now)
        if removed:
            console.print(f"{removed:,} rows of an earlier preparation removed")
        store.write_texts(texts)
        store_file = write_store_file(state, features["project"], url, registry)
        since = min(view.since for view in views)
        apply_and_materialize(store_file, url, since, now, registry)
        check_rows(store, known, now)
        store.set_materialized_us(round(now.timestamp() * 1_000_000))
    console.print(_table(features["project"], now, known))


def _table(project: str, now: datetime, views: Sequence[ExpectedView]) -> Table:
    table = Table(title=f"Online rows of {project}", caption=f"at {now:%Y-%m-%d %H:%M} UTC")
    table.add_column("view")
    for heading in ("rows", "features", "bytes a row"):
        table.add_column(heading, justify="right")
    for view in views:
        layout = view.layout
        shape = (0, 0) if layout is None else (len(layout.columns), layout.dtype.itemsize)
        numbers = (f"{number:,}" if number else "" for number in (len(view.keys), *shape))
        table.add_row(view.name, *numbers)
    return table


if __name__ == "__main__":
    sys.exit(main())
