"""One of several writers: `python -m tests.integration.features.registering plain|ours ...`.

`plain FOLDER REGISTRY NAME COUNT` applies views one after the other, as anybody's Feast does;
`ours STATE REGISTRY REDIS_URL` materialises a state folder, as the job does. Each waits for the file GO.
"""

import os
import sys
import time
from pathlib import Path

import feast  # noqa: F401 - its seconds come before the start
from feast import FeatureStore, FeatureView, Field, FileSource, RepoConfig
from feast.types import Float32
from rich.console import Console

from tests.fakes.feast_twins import SHOP, TIME
from training.feast_registry import feast_settings
from training.materialize import materialize

PROJECT = "shared"


def opened(folder: Path, registry: str, name: str = "any") -> FeatureStore:
    return FeatureStore(
        config=RepoConfig(
            project=PROJECT,
            provider="local",
            registry=feast_settings(registry or None, folder),
            online_store={"type": "sqlite", "path": str(folder / f"{name}.db")},
            entity_key_serialization_version=3,
        )
    )


def view(folder: Path, name: str) -> FeatureView:
    source = FileSource(name=f"{name}_source", path=str(folder / "x.parquet"), timestamp_field=TIME)
    schema = [Field(name="price", dtype=Float32)]
    return FeatureView(name=name, entities=[SHOP], schema=schema, source=source)


def plain(folder: str, registry: str, name: str, count: str) -> None:
    store = opened(Path(folder), registry, name)
    for number in range(int(count)):
        store.apply([SHOP, view(Path(folder), f"{name}_{number}")])


def ours(state: str, registry: str, redis_url: str) -> None:
    materialize(Path(state), redis_url, Console(quiet=True), registry)


def main() -> None:
    kind, *arguments = sys.argv[1:]
    go = Path(os.environ["GO"])
    Path(f"{go}.{os.getpid()}").touch()
    while not go.exists():
        time.sleep(0.01)
    {"plain": plain, "ours": ours}[kind](*arguments)


if __name__ == "__main__":
    main()
