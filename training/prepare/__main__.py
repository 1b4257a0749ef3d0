"""Prepares a data set: `python -m training.prepare --state FOLDER [--now TIME|clock] [--cutoffs N]`.

Reads `<state>/dataset` and the event log, writes `<state>/prepared` whole or not at all. Everything is
computed as known at each of N cut-offs, one horizon apart, the last of which is now.
"""

import argparse
import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import yaml
from rich.console import Console
from rich.markup import escape

from serving.clock import read_clock
from serving.errors import ArtefactError
from serving.ingest.logged_events import read_event_log
from training.alone import alone
from training.datasets.errors import DataSetError
from training.datasets.folder import replacing
from training.errors import TrainingError
from training.learning.schedule import FEWEST_CUTOFFS
from training.prepare import clean, offers
from training.prepare.contract import DataSet, open_data_set
from training.prepare.contract_checks import instant
from training.prepare.engagement import kinds_in, other_events
from training.prepare.known_events import catalogue_items, keyed_events
from training.prepare.recorded import recorded_events, with_recorded
from training.prepare.statistics import FIRST_ROW, of_views, teaching, vocabulary
from training.prepare.targets import other_actions, targets
from training.prepare.views import View, as_contract, field_dtype, max_length, views
from training.progress_bar import bars
from training.settings import read_settings

CLOCK = "clock"  # as a now: the one that gateways go by
LOGGED_WITHIN = timedelta(minutes=5)  # ten times what the worker lets a file of the log wait


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.prepare")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--now", help="with its time zone, or clock; default: the data set's own")
    parser.add_argument("--cutoffs", type=int, default=15, help="4 or more, a horizon apart")
    given = parser.parse_args()
    console = Console()
    try:
        settings = read_settings(given.state)
        now = _asked(given.now or settings.now, settings.clock_file)
        with alone(given.state, "training.prepare", console.print):
            prepare(given.state, now, given.cutoffs, console, settings.events)
    except (DataSetError, TrainingError, ArtefactError) as error:
        console.print(f"[red]prepare:[/red] {escape(str(error))}")
        return 1
    return 0


def _asked(now: str, clock_file: Path | None) -> datetime | None:
    """The clock's is some minutes ago: what came in before has reached the event log."""
    if now == CLOCK:
        return datetime.fromtimestamp(int(read_clock(clock_file).now_s()), UTC) - LOGGED_WITHIN
    return instant(now, "now") if now else None


def prepare(
    state: Path, now: datetime | None, count: int, console: Console, event_log: Path | None = None
) -> None:
    """Writes `<state>/prepared`; `event_log` is by default the state folder's.

    Raises:
        DataSetError: too few cut-offs, a now without a time zone or in the last horizon, which is
            for `make final`, or no clean events before now.
    """
    data = open_data_set(state / "dataset")
    horizon = data.horizon
    asked = _cutoffs(now or data.default_now, data.default_now + horizon, horizon, count)
    data = _with_recorded(data, event_log or state / "events", asked[-1], console)
    _print_cleaning(data, console)
    cleaned = clean.clean_events(data.events, data.target_kinds)
    known_items = catalogue_items(data, cleaned, asked[-1])
    # These are used by every view at every cut-off: collected once.
    events = keyed_events(data, cleaned, known_items).lazy()
    others = other_events(data, known_items, asked[-1]).collect(engine="streaming").lazy()
    cutoffs = _with_history(asked, events.select(pl.col("time").min()).collect().item(), console)
    with replacing(state / "prepared") as folder:
        wanted = views(data, events, known_items, others)
        written = _write_views(folder, wanted, cutoffs, console)
        _write_vocabularies(folder, data, known_items, written)
        found = of_views(folder / "views", teaching(cutoffs, horizon))
        (folder / "statistics.json").write_text(json.dumps(found, indent=1, sort_keys=True))
        pl.concat([targets(events, t, horizon) for t in cutoffs[:-1]]).sink_parquet(
            folder / "targets.parquet"
        )
        if kinds_in(others):
            pl.concat(
                [other_actions(others, events, t, horizon) for t in cutoffs[:-1]]
            ).sink_parquet(folder / "actions.parquet")
        offers.write(folder, data, known_items)
        _write_features(folder, data, cutoffs, written)
    console.print(f"{state / 'prepared'}: {known_items.height:,} items, {len(cutoffs)} cut-offs")


def _with_recorded(data: DataSet, log: Path, now: datetime, console: Console) -> DataSet:
    recorded = recorded_events(data, read_event_log(log), now)
    if recorded.height:
        console.print(f"{log}: {recorded.height:,} recorded events")
    return with_recorded(data, recorded)


def _cutoffs(now: datetime, latest: datetime, horizon: timedelta, count: int) -> list[datetime]:
    """What lies beyond the horizon of `latest`, the now of `make final`, teaches and validates nothing."""
    if now.tzinfo is None:
        raise DataSetError(f"now is {now.isoformat()}, without a time zone; add one, such as Z")
    if now > latest:
        raise DataSetError(
            f"now is {now.isoformat()}, and what happened after {latest.isoformat()} is kept for "
            "`make final`; set an earlier now, or a later default_now in dataset.yaml"
        )
    if count < FEWEST_CUTOFFS:
        raise DataSetError(
            f"cutoffs is {count}; retriever, ranker, validation and now need at least {FEWEST_CUTOFFS}"
        )
    return [now.astimezone(UTC) - horizon * back for back in reversed(range(count))]


def _with_history(cutoffs: list[datetime], first: datetime, console: Console) -> list[datetime]:
    """Those with a history: the others could teach nothing."""
    kept = [cutoff for cutoff in cutoffs if cutoff > first]
    if len(kept) < FEWEST_CUTOFFS:
        raise DataSetError(
            f"the first event that counts is of {first.isoformat()}, so that {len(kept)} cut-offs up "
            f"to {cutoffs[-1].isoformat()} have a history and {FEWEST_CUTOFFS} are needed; set a later now"
        )
    if len(kept) < len(cutoffs):
        console.print(f"{len(cutoffs) - len(kept)} cut-offs without a history left out")
    return kept


def _print_cleaning(data: DataSet, console: Console) -> None:
    found = (
        clean.problems(data.events, data.target_kinds)
        .collect(engine="streaming")
        .row(0, named=True)
    )
    total = found.pop("lines")
    left_out = ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in found.items())
    console.print(f"{data.name}: {total:,} event lines; left out: {left_out}")


def _write_views(
    folder: Path, wanted: list[View], cutoffs: list[datetime], console: Console
) -> dict[str, tuple[View, pl.Schema]]:
    (folder / "views").mkdir()
    known_at = datetime.now(UTC)
    written: dict[str, tuple[View, pl.Schema]] = {}
    with bars(console) as progress:
        for view in wanted:
            task = progress.add_task(f"{view.name:<15}", total=len(cutoffs))
            parts = []
            for cutoff in cutoffs:
                rows = as_contract(view.at(cutoff), cutoff, known_at)
                parts.append(rows.collect(engine="streaming"))
                progress.advance(task)
            frame = pl.concat(parts).sort(f"{view.entity}_id", "event_timestamp")
            frame.write_parquet(folder / "views" / f"{view.name}.parquet", row_group_size=50_000)
            written[view.name] = (view, frame.schema)
    return written


def _write_vocabularies(
    folder: Path,
    data: DataSet,
    known_items: pl.DataFrame,
    written: dict[str, tuple[View, pl.Schema]],
) -> None:
    (folder / "vocabularies").mkdir()
    for name, (_, schema) in written.items():
        texts = [c for c, t in schema.items() if t == pl.String and c not in ("user_id", "item_id")]
        if texts:
            frame = pl.read_parquet(folder / "views" / f"{name}.parquet", columns=texts)
            for column in texts:
                vocabulary(frame[column]).write_parquet(
                    folder / "vocabularies" / f"{column}.parquet"
                )
    rows = pl.int_range(FIRST_ROW, FIRST_ROW + known_items.height, dtype=pl.Int32, eager=True)
    title = pl.col(data.title) if data.title else pl.col("item_id").cast(pl.String)
    columns = (*data.categories, *data.brands, *data.item_categoricals)
    listed = known_items.select(
        "item_key",
        pl.col("item_id").cast(pl.String),
        rows.alias("row"),
        title.alias("title"),
        *columns,
    )
    listed.write_parquet(folder / "catalogue.parquet")
    listed.select(key="item_key", row="row", text="item_id").write_parquet(
        folder / "vocabularies" / "item.parquet"
    )


def _write_features(
    folder: Path,
    data: DataSet,
    cutoffs: list[datetime],
    written: dict[str, tuple[View, pl.Schema]],
) -> None:
    fields = {
        name: [
            _field(written[name][0], column, dtype)
            for column, dtype in schema.items()
            if column not in ("user_id", "item_id", "event_timestamp", "created_timestamp")
        ]
        for name, (_, schema) in sorted(written.items())
    }
    described = {
        name: {
            "entity": written[name][0].entity,
            "max_age_s": written[name][0].max_age_s,
            "stale_action": written[name][0].stale_action,
            **_updates(written[name][0]),
            "fields": listed,
        }
        for name, listed in fields.items()
    }
    document = {
        "version": 1,
        "project": data.name,
        "id_kind": data.id_kind,
        "now": _iso(cutoffs[-1]),
        "horizon_days": data.horizon // timedelta(days=1),
        "surface": data.surface,
        "cutoffs": [_iso(cutoff) for cutoff in cutoffs],
        "views": described,
        "services": {
            service: {name: [f["name"] for f in listed] for name, listed in fields.items()}
            for service in ("retriever", "ranker")
        },
    }
    (folder / "features.yaml").write_text(yaml.safe_dump(document, sort_keys=False))


def _updates(view: View) -> dict[str, dict[str, Any]]:
    """How events change the view's rows, as plain values; nothing if they don't."""
    if view.updates is None:
        return {}
    given = {name: value for name, value in asdict(view.updates).items() if value}
    return {"updates": {k: list(v) if isinstance(v, tuple) else v for k, v in given.items()}}


def _field(view: View, name: str, dtype: pl.DataType) -> dict[str, str | int]:
    field: dict[str, str | int] = {"name": name, "dtype": field_dtype(dtype)}
    if isinstance(dtype, pl.List):
        field["max_length"] = max_length(view, name)
    return field


def _iso(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


if __name__ == "__main__":
    sys.exit(main())
