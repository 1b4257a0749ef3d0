"""features.read: the gateway's read beside its floor, in turns."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from serving.features.overlay import LONGEST
from tests.load.conditions import environment, machine
from tests.load.features.stored import Filled, redis_keys
from tests.load.figures import Baseline, Figure, lower
from tests.load.peers import Peer, peer
from tests.load.servers import url
from tests.load.turns import Times, in_turns, times

READERS = 8
TARGET = 0.5  # twice the floor
BARE = "one round trip of the same bytes by hiredis on a bare asyncio transport, and a numpy gather"
REDIS_PY = "one round trip of the same bytes by redis-py's asyncio client, and a numpy gather"


@dataclass(frozen=True, slots=True)
class Readers:
    """Both processes."""

    ours: Peer
    floor: Peer
    filled: Filled


@contextmanager
def readers(filled: Filled) -> Iterator[Readers]:
    """Started, and found to give the same values."""
    folder, sizes = filled.folder, filled.sizes
    users = {"steady": list(sizes.steady), "overlaid": list(sizes.overlaid)}
    candidates = str(filled.candidates)
    with (
        peer(
            "reader",
            ["-m", "tests.load.features.reader"],
            {
                "redis_url": url(filled.socket),
                "snapshot": str(filled.snapshot_folder),
                "candidates": candidates,
                "users": users,
            },
            folder,
            environment(metrics=folder / "metrics"),
        ) as ours,
        peer(
            "read_floor",
            ["tests/load/baselines/read_floor.py"],
            {
                "socket": str(filled.socket),
                "blocks": [str(filled.snapshot_folder / f"{d}.npy") for d in ("int64", "float32")],
                "candidates": candidates,
                "users": {kind: [redis_keys(u) for u in us] for kind, us in users.items()},
                "longest_overlay": LONGEST,
                "readers": READERS,
            },
            folder,
            environment(),
        ) as floor,
    ):
        both = Readers(ours, floor, filled)
        require_equal(both)
        yield both


def require_equal(both: Readers) -> None:
    """Raises AssertionError unless both gather the values that were made."""
    count = both.filled.sizes.candidates[0]
    paths = [both.filled.folder / f"{name}-values.npz" for name in ("ours", "floor")]
    both.ours.ask(do="values", candidates=count, user=1, to=str(paths[0]))
    both.floor.ask(do="values", candidates=count, to=str(paths[1]))
    ours, floor = (dict(np.load(path)) for path in paths)
    for name, dtype, beside in (
        ("item_key", "int64", "arr_0"),
        ("item_float", "float32", "arr_1"),
    ):
        expected = both.filled.item_values(ours["item_id"][0, :count], dtype)
        np.testing.assert_array_equal(ours[name][0, :count], expected)
        np.testing.assert_array_equal(floor[beside], expected)
    for name, values in both.filled.user_values(1).items():
        if name in ours:  # a list
            np.testing.assert_array_equal(ours[name][0, : len(values)], values)


def measure_reads(both: Readers) -> list[Figure]:
    sizes = both.filled.sizes
    first = sizes.candidates[0]
    found = [
        *_alone(both, first),
        *(
            _against_bare(f"features.read.{n}", _turns(both, n), _told(both, n))
            for n in sizes.candidates[1:]
        ),
    ]
    crowd = _turns(both, first, readers=READERS)
    floor = Baseline(BARE, crowd["bare"].p99_ms)
    told = _told(both, first, f"p99 of {READERS} readers at once, tasks of one process")
    name = f"features.read.{first}.p99_of_{READERS}_readers"
    return [*found, lower(name, crowd["ours"].p99_ms, "ms", floor, told)]


def _alone(both: Readers, count: int) -> list[Figure]:
    """One reader: the figure with a target, and the same under other conditions."""
    name, alone = f"features.read.{count}", _turns(both, count, redis_py=True)
    logged = _turns(both, count, until="logged")
    overlaid = _turns(both, count, users="overlaid")
    redis_py = Baseline(REDIS_PY, alone["redis_py"].p50_ms)
    told = _told(both, count)
    return [
        _against_bare(name, alone, told, TARGET),
        lower(f"{name}.vs_redis_py", alone["ours"].p50_ms, "ms", redis_py, told),
        _against_bare(
            f"{name}.and_logged",
            logged,
            _told(both, count, "the time of making the request log's entry is in it"),
        ),
        _against_bare(
            f"{name}.with_events",
            overlaid,
            _told(both, count, "three events of the person are not in the rows and are added"),
        ),
    ]


def _turns(
    both: Readers,
    count: int,
    *,
    readers: int = 1,
    users: str = "steady",
    until: str = "tensors",
    redis_py: bool = False,
) -> dict[str, Times]:
    sizes = both.filled.sizes
    wanted: Mapping[str, Any] = {
        "do": "read",
        "candidates": count,
        "readers": readers,
        "users": users,
        "steps": max(1, sizes.steps // readers),
    }
    measures = {
        "ours": lambda: both.ours.seconds(**wanted, until=until),
        "bare": lambda: both.floor.seconds(**wanted, client="bare"),
    }
    if redis_py:
        measures["redis_py"] = lambda: both.floor.seconds(**wanted, client="redis_py")
    return times(in_turns(measures, sizes.rounds))


def _against_bare(
    name: str, found: Mapping[str, Times], told: str, target: float | None = None
) -> Figure:
    floor = Baseline(BARE, found["bare"].p50_ms)
    return lower(name, found["ours"].p50_ms, "ms", floor, told, target)


def _told(both: Readers, count: int, what: str = "p50 of one reader") -> str:
    sizes = both.filled.sizes
    width = sum(one.packed.dtype.itemsize for one in _of_users(both.filled))
    return (
        f"{what}; {count} items x 40 features of {sizes.items}, a person's {width} bytes in "
        f"{len(_of_users(both.filled))} rows; age checks, metrics and request log on; "
        f"median of {sizes.rounds} rounds of {sizes.steps}, in turns; {machine()}"
    )


def _of_users(filled: Filled) -> list[Any]:
    return [one for view, one in filled.rows.items() if view.startswith("user")]


def write_profile(both: Readers, to: Path) -> str:
    """Where the time of a read goes, into a file; a summary of it in a sentence."""
    sizes = both.filled.sizes
    wanted: Mapping[str, Any] = {"users": "steady", "until": "tensors", "steps": sizes.steps * 5}
    told = both.ours.ask(do="profile", candidates=sizes.candidates[0], **wanted)
    parts = ", ".join(f"{stage} {ms:.3f} ms" for stage, ms in told["parts_ms"].items())
    most = ", ".join(f"{name} {share:.0%}" for name, share in told["most"].items())
    summary = f"p50 by stage: {parts}; by function, under the profiler: {most}"
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_text(f"{summary}\n\n{told['text']}")
    return summary


def explained(figures: Sequence[Figure], summary: str) -> list[Figure]:
    """With the profile's summary where a target is missed."""
    return [replace(f, conditions=f"{f.conditions}; {summary}") if f.missed else f for f in figures]
