"""Stock Feast beside the packed rows: the same values, read as its tutorials do, and what they take."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.load.conditions import environment, machine
from tests.load.features import shop
from tests.load.features.reads import Readers
from tests.load.features.stock_files import write_parquet
from tests.load.features.stored import SEED, Filled, used_memory
from tests.load.figures import Baseline, Figure, lower
from tests.load.peers import Peer, peer
from tests.load.servers import connected, scratch_redis
from tests.load.turns import in_turns, times

EXPECTED = 200.0  # times as fast, or more
STOCK = "Feast 0.67, two get_online_features and to_dict, made into arrays; online store"
FIRST = 1  # the first person that is read


@dataclass(frozen=True, slots=True)
class Stock:
    """Feast over Redis, with all rows, and over SQLite, with some; `memory` as of Filled."""

    redis: Peer
    sqlite: Peer | None
    memory: Mapping[str, int]
    socket: Path


@contextmanager
def stock_feast(filled: Filled) -> Iterator[Stock]:
    """Filled by `materialize`, and found to give the values that were made."""
    folder, sizes = filled.folder / "feast", filled.sizes
    with ExitStack() as stack:
        socket = stack.enter_context(scratch_redis(folder, "redis"))
        client = stack.enter_context(connected(socket))
        store = {"type": "redis", "connection_string": f'none:0,unix_socket_path="{socket}"'}
        redis = stack.enter_context(_peer(filled, "stock_redis", store, sizes.feast_items))
        memory = {}
        for entity in ("item", "user"):
            before = used_memory(client)
            redis.ask(do="materialize", entity=entity)
            memory[entity] = used_memory(client) - before
        require_equal(filled, redis)
        sqlite = stack.enter_context(_sqlite(filled, folder)) if sizes.sqlite_items else None
        yield Stock(redis, sqlite, memory, socket)


@contextmanager
def _sqlite(filled: Filled, folder: Path) -> Iterator[Peer]:
    store = {"type": "sqlite", "path": str(folder / "online.db")}
    with _peer(filled, "stock_sqlite", store, filled.sizes.sqlite_items) as sqlite:
        for entity in ("item", "user"):
            sqlite.ask(do="materialize", entity=entity)
        require_equal(filled, sqlite)
        yield sqlite


@contextmanager
def _peer(filled: Filled, name: str, store: Mapping[str, str], items: int) -> Iterator[Peer]:
    """Over the first `items` items and all users."""
    folder = filled.folder / "feast" / name
    write_parquet(filled.rows, folder / "parquet", items)
    spec = {
        "folder": str(folder),
        "online_store": store,
        "parquet": str(folder / "parquet"),
        "candidates": str(_candidates(filled, folder / "candidates.npz", items)),
        "views": [
            {"name": view, "entity": shop.entity_of(view), "fields": fields}
            for view, fields in shop.FIELDS.items()
        ],
    }
    command = ["tests/load/baselines/stock_feast.py"]
    with peer(name, command, spec, filled.folder, environment()) as running:
        yield running


def _candidates(filled: Filled, path: Path, items: int) -> Path:
    """Among the first `items`."""
    sizes, random = filled.sizes, np.random.default_rng(SEED)
    count = sizes.candidates[0]
    rows = [random.choice(items, count, replace=False) for _ in range(sizes.variants)]
    np.savez(path, **{f"keys_{count}": np.stack(rows) + shop.FIRST_ITEM})
    return path


def require_equal(filled: Filled, stock: Peer) -> None:
    """Raises AssertionError unless Feast gives the values that the packed rows hold."""
    to, count = filled.folder / f"{stock.name}-values.npz", filled.sizes.candidates[0]
    stock.ask(do="values", candidates=count, user=FIRST, to=str(to))
    found = dict(np.load(to))
    keys = found.pop("keys")
    for dtype in ("int64", "float32"):
        expected = filled.item_values(keys, dtype)
        np.testing.assert_array_equal(found.pop(f"item_{dtype}"), expected)
    for name, expected in filled.user_values(FIRST).items():
        np.testing.assert_array_equal(found[name].astype(expected.dtype), expected, err_msg=name)


def measure_stock(both: Readers, stock: Stock) -> list[Figure]:
    found = [_beside(both, stock.redis, "features.read.vs_feast", "Redis", EXPECTED)]
    if stock.sqlite:
        name = "features.read.vs_feast_sqlite"
        found.append(_beside(both, stock.sqlite, name, "SQLite", None))
    return found


def _beside(both: Readers, stock: Peer, name: str, engine: str, target: float | None) -> Figure:
    sizes = both.filled.sizes
    count = sizes.candidates[0]
    wanted: Mapping[str, Any] = {"do": "read", "candidates": count}
    found = in_turns(
        {
            "ours": lambda: both.ours.seconds(
                **wanted, steps=sizes.steps, readers=1, users="steady", until="tensors"
            ),
            "stock": lambda: stock.seconds(**wanted, steps=sizes.feast_steps, user=FIRST),
        },
        sizes.feast_rounds,
    )
    both_times = times(found)
    told = (
        f"p50 of one reader; one person and {count} items x 40 features, the same values in both; "
        f"median of {sizes.feast_rounds} rounds of {sizes.steps} and {sizes.feast_steps}, in turns; "
        f"{machine()}"
    )
    baseline = Baseline(f"{STOCK} {engine}", both_times["stock"].p50_ms)
    return lower(name, both_times["ours"].p50_ms, "ms", baseline, told, target)
