"""events.ingest: events through the running system, beside appending the same bytes and an empty call."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from serving.features.redis_keys import PARTITIONS, events_stream
from tests.load.conditions import environment, machine
from tests.load.features import shop
from tests.load.features.stored import SEED, Filled
from tests.load.features.system import WORKERS, System
from tests.load.figures import Baseline, Figure, higher, lower
from tests.load.peers import Peer, peer
from tests.load.servers import connected
from tests.load.turns import Times, in_turns

CALLERS = 8
FOLLOWED = 2  # people at once whose events are followed: more would measure the machine's size
XADD = "the same bytes by XADD, redis-py's asyncio client, pipelined by batch"
ECHO = "an empty call of grpc.aio with as many bytes, one server process"


@dataclass(frozen=True, slots=True)
class Recorders:
    """The processes that take turns."""

    ours: Peer
    xadd: Peer
    echo: Peer
    filled: Filled


@contextmanager
def recorders(system: System) -> Iterator[Recorders]:
    filled, sizes = system.filled, system.filled.sizes
    folder, told = filled.folder, environment()
    with ExitStack() as stack:
        ours = stack.enter_context(
            peer(
                "recorder",
                ["-m", "tests.load.features.recorder"],
                {
                    "address": system.address,
                    "socket": str(filled.socket),
                    "callers": CALLERS,
                    "users": sizes.users // 2,
                    "items": sizes.items,
                    "seed": SEED,
                },
                folder,
                told,
            )
        )
        ours.ask(do="record", callers=CALLERS, calls=5, batch=sizes.batches[-1])
        request, reply = ours.ask(do="record", callers=1, calls=5, batch=1)["bytes"]
        floor = {
            "socket": str(filled.socket),
            "entries": str(_entries(filled, folder / "entries")),
            "streams": PARTITIONS,
        }
        command = ["tests/load/baselines/append_floor.py"]
        xadd = stack.enter_context(peer("append_floor", command, floor, folder, told))
        empty = {"request_bytes": request, "reply_bytes": reply, "callers": CALLERS}
        command = ["tests/load/baselines/echo.py"]
        echo = stack.enter_context(peer("echo", command, empty, folder, told))
        yield Recorders(ours, xadd, echo, filled)


def _entries(filled: Filled, path: Path) -> Path:
    """What the gateway appended, each entry after its length in four bytes."""
    with connected(filled.socket) as client, client.pipeline(transaction=False) as pipe:
        for partition in range(PARTITIONS):
            pipe.xrange(events_stream(shop.PROJECT, partition))
        streams = pipe.execute()
    entries = [fields[b"entry"] for stream in streams for _, fields in stream]
    if not entries:
        raise AssertionError("no acknowledged event is in any stream")
    path.write_bytes(b"".join(len(e).to_bytes(4, "little") + e for e in entries))
    return path


def measure_events(all_: Recorders) -> list[Figure]:
    return [
        *(_rate(all_, batch) for batch in all_.filled.sizes.batches),
        *_acknowledged(all_),
        *_visible(all_),
    ]


def _rate(all_: Recorders, batch: int) -> Figure:
    """Events a second that were acknowledged."""
    sizes = all_.filled.sizes
    wanted = {"callers": CALLERS, "calls": max(1, sizes.events // batch), "batch": batch}
    found = in_turns(
        {
            "ours": lambda: _events_a_second(all_.ours, wanted),
            "xadd": lambda: _events_a_second(all_.xadd, wanted),
        },
        sizes.event_rounds,
    )
    told = _told(
        all_, f"{CALLERS} callers at once, batches of {batch}; {wanted['calls']} calls each"
    )
    floor = Baseline(XADD, median(found["xadd"]))
    return higher(f"events.ingest.rate.{batch}", median(found["ours"]), "events/s", floor, told)


def _events_a_second(one: Peer, wanted: Mapping[str, int]) -> float:
    whole: float = one.ask(do="record", **wanted)["whole"]
    return wanted["callers"] * wanted["calls"] * wanted["batch"] / whole


def _acknowledged(all_: Recorders) -> list[Figure]:
    """From the call to the acknowledgement, of one event by one caller."""
    sizes = all_.filled.sizes
    wanted: Mapping[str, Any] = {"do": "record", "callers": 1, "calls": sizes.events, "batch": 1}
    found = in_turns(
        {
            "ours": lambda: all_.ours.seconds(**wanted),
            "echo": lambda: all_.echo.seconds(**wanted),
        },
        sizes.event_rounds,
    )
    ours, echo = Times(found["ours"]), Times(found["echo"])
    told = _told(all_, f"one caller, one event a call; {sizes.events} calls")
    return [
        lower(f"events.ingest.acknowledge.p{p}", of(ours), "ms", Baseline(ECHO, of(echo)), told)
        for p, of in ((50, lambda t: t.p50_ms), (99, lambda t: t.p99_ms))
    ]


def _visible(all_: Recorders) -> list[Figure]:
    """From the acknowledgement until the event is accounted for."""
    purchases = _purchases(all_.filled)
    found = all_.ours.ask(do="visible", callers=FOLLOWED, purchases=purchases)
    looks = {
        "own_token": "the first answer with the event's token, which accounts for it",
        "others": "the first answer on another connection, without a token, that accounts for it",
        "stored": "the stored row, which Feast reads too: the ingest worker's lag",
    }
    return [
        lower(
            f"events.ingest.visible.{name}.p99",
            Times([found[key]]).p99_ms,
            "ms",
            None,
            _told(all_, f"{what}; {FOLLOWED} people at once, {len(purchases)} purchases"),
        )
        for (name, what), key in zip(looks.items(), ("own", "others", "stored"), strict=True)
    ]


def _purchases(filled: Filled) -> list[tuple[int, int]]:
    """Of people that nothing else is recorded of, an item each that they don't own."""
    random, sizes = np.random.default_rng(SEED), filled.sizes
    items = range(shop.FIRST_ITEM, shop.FIRST_ITEM + sizes.items)
    found = []
    for user in range(sizes.overlaid.stop, sizes.users + 1)[: sizes.seen]:
        owned = set(filled.user_values(user)["owned_item"].tolist())
        free = [
            item
            for item in random.choice(items, len(owned) + 1, replace=False).tolist()
            if item not in owned
        ]
        found.append((user, free[0]))
    return found


def _told(all_: Recorders, what: str) -> str:
    sizes = all_.filled.sizes
    return (
        f"{what}; {sizes.event_rounds} rounds in turns; gateway of {WORKERS} workers, ingest worker, Redis "
        f"(append-only file, synced every second) and callers on the same machine; {machine()}"
    )
