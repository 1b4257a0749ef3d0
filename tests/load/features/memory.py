"""features.memory: what a user and an item take, packed and as stock Feast stores them."""

from collections.abc import Sequence

from tests.load.conditions import machine
from tests.load.features.stock import Stock
from tests.load.features.stored import Filled, redis_keys
from tests.load.figures import Baseline, Figure, lower
from tests.load.servers import connected

STOCK = "Feast 0.67's own Redis online store, a hash an entity"
SAMPLE = 100


def measure_memory(filled: Filled, stock: Stock) -> list[Figure]:
    sizes = filled.sizes
    counts = {"user": sizes.users, "item": sizes.items}
    stored = {e: Baseline(STOCK, stock.memory[e] / counts[e]) for e in counts}
    snapshot = snapshot_bytes(filled) / sizes.items
    return [
        *(
            lower(
                f"features.memory.{entity}",
                filled.memory[entity] / count,
                "bytes",
                stored[entity],
                _told(filled, entity, count),
            )
            for entity, count in counts.items()
        ),
        lower(
            "features.memory.item_in_snapshot",
            snapshot,
            "bytes",
            stored["item"],
            f"all files of the snapshot over its {sizes.items} items; shared by the workers of a host; {machine()}",
        ),
    ]


def _told(filled: Filled, entity: str, count: int) -> str:
    packed = sum(
        one.packed.dtype.itemsize
        for view, one in filled.rows.items()
        if view.partition("_")[0] == entity
    )
    lists = "; a quarter of each list is filled, packed at its full width" if entity == "user" else ""
    return (
        f"growth of used_memory_dataset as {count} of them were written, over their number; the packed rows "
        f"of one are {packed} bytes{lists}{_measured_keys(filled, entity)}; {machine()}"
    )


def _measured_keys(filled: Filled, entity: str) -> str:
    if entity == "item":
        return ""
    with connected(filled.socket) as client, client.pipeline(transaction=False) as pipe:
        for user in range(1, 1 + min(SAMPLE, filled.sizes.users)):
            for key in redis_keys(user)["rows"]:
                pipe.memory_usage(key)
        used: Sequence[int] = pipe.execute()
    return f", MEMORY USAGE of their keys {sum(used) / min(SAMPLE, filled.sizes.users):.0f}"


def snapshot_bytes(filled: Filled) -> int:
    return sum(path.stat().st_size for path in filled.snapshot_folder.iterdir())
