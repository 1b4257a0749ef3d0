"""Writes the made-up shop through the real paths: packed rows to Redis, a snapshot from these."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.features.keys import string_key
from serving.features.layout import LENGTH
from serving.features.overlay import CONTENT, group_key, record
from serving.features.redis_keys import applied_key, overlay_key, partition_of, row_key
from serving.features.snapshot import Snapshot, open_snapshot
from serving.features.snapshot_build import build
from serving.features.store import RowStore
from tests.load.features import shop
from tests.load.features.plan import read_plan
from tests.load.features.sizes import Sizes
from tests.load.servers import RedisClient, connected, scratch_redis, url

OVERLAID = ("view", "click", "purchase")  # the events of an overlay
SEED = 20_260_101


@dataclass(frozen=True, slots=True)
class Filled:
    """A store and what is in it; `memory` is by entity, bytes that Redis took for all of them."""

    folder: Path
    socket: Path
    sizes: Sizes
    rows: Mapping[str, shop.Rows]
    snapshot: Snapshot
    snapshot_folder: Path
    candidates: Path  # npz: keys_<n> and rows_<n>, (variants, n)
    memory: Mapping[str, int]

    def item_values(self, keys: NDArray[np.int64], dtype: str) -> NDArray[np.generic]:
        """(n, G) as they were made, in the order of the read plan."""
        paths = [path.partition(".") for path in shop.columns_of("item", dtype)]
        at = keys - shop.FIRST_ITEM
        return np.stack([self.rows[view].packed[column][at] for view, _, column in paths], axis=1)

    def user_values(self, user: int) -> dict[str, NDArray[np.generic]]:
        """By column; lists without their padding."""
        found = {}
        for view in shop.USER_FIELDS:
            row = self.rows[view].packed[user - shop.FIRST_USER]
            for column in shop.layout(view).columns:
                values = np.asarray(row[column.name])
                found[column.name] = (
                    values[: int(row[column.name + LENGTH])] if column.length else values
                )
        return found


@contextmanager
def filled_store(folder: Path, sizes: Sizes, now_us: int) -> Iterator[Filled]:
    """A Redis with the rows of all users and items, and the snapshot of the items."""
    with scratch_redis(folder, "redis") as socket, connected(socket) as client:
        rows = {view: _rows(view, sizes, now_us) for view in shop.FIELDS}
        memory = {entity: _write(socket, client, entity, rows) for entity in ("item", "user")}
        plan = read_plan()
        with RowStore(url(socket), shop.PROJECT) as store:
            built = build(plan, store, folder / "snapshots")
        snapshot = open_snapshot(built, plan)
        candidates = _candidates(folder / "candidates.npz", snapshot, sizes)
        add_overlays(client, sizes, now_us)
        yield Filled(folder, socket, sizes, rows, snapshot, built, candidates, memory)


def _rows(view: str, sizes: Sizes, now_us: int) -> shop.Rows:
    count = sizes.items if shop.entity_of(view) == "item" else sizes.users
    return shop.made_rows(view, count, sizes.items, now_us, SEED)


def _write(socket: Path, client: RedisClient, entity: str, rows: Mapping[str, shop.Rows]) -> int:
    before = used_memory(client)
    with RowStore(url(socket), shop.PROJECT) as store:
        for view, one in rows.items():
            if shop.entity_of(view) == entity:
                store.write(view, f"{entity}_id", one.entities, one.packed)
    return used_memory(client) - before


def used_memory(client: RedisClient) -> int:
    """Bytes that hold data: without what connections and the append-only file have in hand."""
    info: Mapping[str, Any] = client.info("memory")
    return int(info["used_memory_dataset"])


def _candidates(path: Path, snapshot: Snapshot, sizes: Sizes) -> Path:
    random = np.random.default_rng(SEED)
    arrays: dict[str, NDArray[np.int64]] = {}
    for count in sizes.candidates:
        rows = np.stack(
            [random.choice(snapshot.count, count, replace=False) for _ in range(sizes.variants)]
        ).astype(np.int64)
        arrays |= {f"rows_{count}": rows, f"keys_{count}": snapshot.item_key[rows]}
    np.savez(path, **arrays)
    return path


def add_overlays(client: RedisClient, sizes: Sizes, now_us: int) -> None:
    """A few events of some users that are not in their rows yet, and a position for every partition."""
    with client.pipeline(transaction=False) as pipe:
        for partition in range(64):
            pipe.set(applied_key(shop.PROJECT, partition), "1-0")
        for user in sizes.overlaid:
            for number, kind in enumerate(OVERLAID):
                time_us = now_us - 1_000_000 * (len(OVERLAID) - number)
                item = shop.FIRST_ITEM + (user + number) % sizes.items
                content = (item, string_key(kind), group_key("", time_us), time_us)
                packed = np.array([content], dtype=CONTENT).tobytes()
                position = (time_us // 1_000, number)
                pipe.rpush(overlay_key(shop.PROJECT, user), record(position, packed))
        pipe.execute()


def redis_keys(user: int) -> dict[str, Any]:
    """All that is read of a person, by its names in Redis."""
    return {
        "applied": applied_key(shop.PROJECT, partition_of(user)),
        "overlay": overlay_key(shop.PROJECT, user),
        "rows": [
            row_key(shop.PROJECT, "user_id", user, view).decode() for view in shop.USER_FIELDS
        ],
    }
