"""features.memory: what a user and an item take, packed and as stock Feast stores them."""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from serving.features.redis_keys import row_key
from tests.load.conditions import machine
from tests.load.features import shop
from tests.load.features.stock import Stock
from tests.load.features.stored import Filled
from tests.load.figures import Baseline, Figure, lower
from tests.load.servers import connected

STOCK = "Feast 0.67's own Redis online store, a hash an entity"
SAMPLE = 200


def measure_memory(filled: Filled, stock: Stock) -> list[Figure]:
    found = [
        figure
        for entity in ("user", "item")
        for figure in (_grown(filled, stock, entity), _of_keys(filled, stock, entity))
    ]
    return [*found, _in_snapshot(filled, stock)]


def _grown(filled: Filled, stock: Stock, entity: str) -> Figure:
    """With what Redis and the stores keep beside the rows themselves."""
    sizes = filled.sizes
    count = sizes.items if entity == "item" else sizes.users
    told = f"growth of used_memory_dataset by {count}, over their number; {_packed(filled, entity)}"
    value = filled.memory[entity] / count
    return lower(f"features.memory.{entity}", value, "bytes", _stock(filled, stock, entity), told)


def _stock(filled: Filled, stock: Stock, entity: str) -> Baseline:
    sizes = filled.sizes
    count = sizes.feast_items if entity == "item" else sizes.users
    return Baseline(STOCK, stock.memory[entity] / count)


def _of_keys(filled: Filled, stock: Stock, entity: str) -> Figure:
    views = [view for view in shop.FIELDS if shop.entity_of(view) == entity]
    ours = [
        row_key(shop.PROJECT, f"{entity}_id", int(key), view)
        for key in shop.entities(entity, SAMPLE)
        for view in views
    ]
    with connected(stock.socket) as client:
        theirs = list(islice(client.scan_iter(f"*{entity}_id*", count=1_000), SAMPLE))
    sampled = min(SAMPLE, len(theirs))
    baseline = Baseline(STOCK, _usage(stock.socket, theirs[:sampled]) / sampled)
    value = _usage(filled.socket, ours[: sampled * len(views)]) / sampled
    told = f"MEMORY USAGE of the keys of {sampled}; {_packed(filled, entity)}"
    return lower(f"features.memory.{entity}.keys", value, "bytes", baseline, told)


def _usage(socket: Path, keys: Iterable[bytes]) -> int:
    with connected(socket) as client, client.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.memory_usage(key, samples=0)
        return sum(pipe.execute())


def _in_snapshot(filled: Filled, stock: Stock) -> Figure:
    count = filled.sizes.items
    files = sum(path.stat().st_size for path in filled.snapshot_folder.iterdir())
    return lower(
        "features.memory.item.snapshot",
        files / count,
        "bytes",
        _stock(filled, stock, "item"),
        f"all files of the snapshot, over its {count} items; a host's workers share them; {machine()}",
    )


def _packed(filled: Filled, entity: str) -> str:
    rows = [one for view, one in filled.rows.items() if shop.entity_of(view) == entity]
    width = sum(one.packed.dtype.itemsize for one in rows)
    lists = f", lists {shop.FILLED:.0%} filled and padded" if entity == "user" else ""
    return f"{len(rows)} packed rows of {width} bytes together{lists}; {machine()}"
