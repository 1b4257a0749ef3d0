"""Features read from stock Feast as its tutorials do it: two get_online_features, made into arrays.

Stands alone. `python stock_feast.py SPEC`, then one JSON line in, one JSON line out. The repository is made
in the spec's folder, and its online store filled by `materialize` from the spec's parquet files.
"""

import json
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, types
from feast.value_type import ValueType

TYPES = {
    "int64": types.Int64,
    "float32": types.Float32,
    "int64_list": types.Array(types.Int64),
    "float32_list": types.Array(types.Float32),
}
NUMPY = {"int64": np.int64, "float32": np.float32}


class Stock:
    """A feature store of its own, as `feast init` would make it."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self._views = spec["views"]
        folder = Path(spec["folder"])
        folder.mkdir(parents=True, exist_ok=True)
        self._store = FeatureStore(
            config=RepoConfig(
                project="stock",
                provider="local",
                registry=str(folder / "registry.db"),
                online_store=spec["online_store"],
                offline_store={"type": "dask"},
                entity_key_serialization_version=3,
            )
        )
        entities = {
            name: Entity(name=name, join_keys=[f"{name}_id"], value_type=ValueType.INT64)
            for name in ("user", "item")
        }
        views = [self._view(v, entities[v["entity"]], spec) for v in self._views]
        self._store.apply([*entities.values(), *views])
        self._candidates = np.load(spec["candidates"])

    def _view(self, view: dict[str, Any], entity: Entity, spec: dict[str, Any]) -> FeatureView:
        key = Field(name=f"{view['entity']}_id", dtype=types.Int64)
        return FeatureView(
            name=view["name"],
            entities=[entity],
            schema=[key, *(Field(name=f["name"], dtype=TYPES[f["dtype"]]) for f in view["fields"])],
            ttl=timedelta(days=3650),
            source=FileSource(
                path=str(Path(spec["parquet"]) / f"{view['name']}.parquet"),
                timestamp_field="event_timestamp",
            ),
        )

    def materialize(self, entity: str) -> None:
        now = datetime.now(UTC)
        names = [view["name"] for view in self._of(entity)]
        self._store.materialize(now - timedelta(days=30), now + timedelta(days=1), names)

    def read(self, user: int, items: list[int]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The person's features and (n, features) arrays of the items', by type."""
        person = self._store.get_online_features(
            features=self._features("user"), entity_rows=[{"user_id": user}]
        ).to_dict()
        found = self._store.get_online_features(
            features=self._features("item"), entity_rows=[{"item_id": item} for item in items]
        ).to_dict()
        arrays = {
            dtype: np.array(
                [
                    found[f["name"]]
                    for v in self._of("item")
                    for f in v["fields"]
                    if f["dtype"] == dtype
                ],
                dtype=NUMPY[dtype],
            ).T
            for dtype in NUMPY
        }
        return person, arrays

    def steps(self, wanted: dict[str, Any]) -> list[float]:
        items = self._candidates[f"keys_{wanted['candidates']}"].tolist()
        found = []
        for step in range(wanted["steps"]):
            those = items[step % len(items)]
            began = time.perf_counter()
            self.read(wanted["user"] + step, those)
            found.append(time.perf_counter() - began)
        return found

    def values(self, wanted: dict[str, Any]) -> None:
        items = self._candidates[f"keys_{wanted['candidates']}"].tolist()[0]
        person, arrays = self.read(wanted["user"], items)
        lists = {name: np.array(values[0]) for name, values in person.items() if name != "user_id"}
        items_of = {f"item_{dtype}": values for dtype, values in arrays.items()}
        np.savez(wanted["to"], keys=np.array(items), **items_of, **lists)

    def _of(self, entity: str) -> list[dict[str, Any]]:
        return [view for view in self._views if view["entity"] == entity]

    def _features(self, entity: str) -> list[str]:
        return [f"{v['name']}:{f['name']}" for v in self._of(entity) for f in v["fields"]]


def main() -> None:
    stock = Stock(json.loads(Path(sys.argv[1]).read_text()))
    answers, sys.stdout = sys.stdout, sys.stderr  # Feast prints its progress
    for line in sys.stdin:
        wanted, answer = json.loads(line), {}
        if wanted["do"] == "materialize":
            stock.materialize(wanted["entity"])
        if wanted["do"] == "read":
            answer["seconds"] = stock.steps(wanted)
        if wanted["do"] == "values":
            stock.values(wanted)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
