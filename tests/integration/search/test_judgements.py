"""The hand-written judgements against the catalogue of the real data set."""

from pathlib import Path

import yaml

from training.datasets import complete_journey
from training.prepare.clean import clean_events
from training.prepare.contract import open_data_set
from training.prepare.known_events import catalogue_items
from training.search.judgements import read_judgements, unmatched


def test_every_condition_meets_an_item(tmp_path: Path) -> None:
    source = complete_journey.package_data()
    tables = complete_journey.DESCRIPTION["tables"]
    described = complete_journey.DESCRIPTION | {
        "tables": {name: tables[name] for name in ("items", "users", "events")}
    }
    items = complete_journey._items(source)
    users = complete_journey._users(source, 0)
    items.sink_parquet(tmp_path / "items.parquet")
    users.sink_parquet(tmp_path / "users.parquet")
    complete_journey._events(source, items, users).sink_parquet(tmp_path / "events.parquet")
    (tmp_path / "dataset.yaml").write_text(yaml.safe_dump(described))
    data = open_data_set(tmp_path)
    cleaned = clean_events(data.events, data.target_kinds)
    catalogue = catalogue_items(data, cleaned, data.default_now)
    assert unmatched(read_judgements(), catalogue) == []
