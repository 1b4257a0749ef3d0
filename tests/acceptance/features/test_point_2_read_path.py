"""Items pushed into the store are in the answers a moment later, and snapshots are swapped under load."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from recserve.v1 import recommendation_service_pb2 as pb

from serving.features.snapshot import open_snapshot
from tests.acceptance.features.conftest import Running
from tests.acceptance.features.feast_writer import FeastWriter
from tests.acceptance.made import PYTHON, run
from tests.e2e.asking import SECONDS

VISIBLE_S = 1.0
ROUNDS = 5
BUILDS = 3


def seen_at(look: Callable[[], bool], patience_s: float = 30) -> float:
    """When it was first so, in seconds since 1970; looks without a pause."""
    until = time.monotonic() + patience_s
    while not look():
        assert time.monotonic() < until, "it was never seen"
    return time.time()


def test_point_2a_a_pushed_value_is_seen_within_a_second(
    running: Running, writer: FeastWriter, measured: Callable[[str], None]
) -> None:
    row = running.row("item_activity")
    took = []
    for number in range(1, ROUNDS + 1):
        value = 1e6 * number  # more than any item has
        asked = pb.RecommendRequest(
            surface=pb.SURFACE_PRODUCT, filters=[pb.Filter(field="popularity", minimum=value)]
        )

        def passes(asked: pb.RecommendRequest = asked) -> bool:
            answer = running.stub.Recommend(asked, timeout=SECONDS)
            return [i.item_id for i in answer.items] == [str(row["item_id"])]

        assert not passes()
        writer.write("item_activity", [row | {"popularity": value}], running.now_s())
        seen = seen_at(passes)
        took.append(seen - writer.returned())
    assert max(took) < VISIBLE_S
    measured(
        f"{ROUNDS} pushes seen {1e3 * min(took):.0f} to {1e3 * max(took):.0f} ms after the write"
    )


def test_point_2b_a_pushed_value_changes_the_score(
    running: Running, writer: FeastWriter, measured: Callable[[str], None]
) -> None:
    row = running.row("item_activity")
    item = str(row["item_id"])
    changed = {k: v * 20 + 5 if isinstance(v, float) else v for k, v in row.items()}
    before = running.rank(item).items[0].score
    writer.write("item_activity", [changed], running.now_s())
    seen = seen_at(lambda: running.rank(item).items[0].score != before)
    took = seen - writer.returned()
    assert took < VISIBLE_S
    measured(f"another probability {1e3 * took:.0f} ms after the write")


def test_point_2c_a_pushed_new_item_can_be_ranked(
    running: Running, writer: FeastWriter, new_id: int, measured: Callable[[str], None]
) -> None:
    item, other = str(new_id), str(running.row("item_activity")["item_id"])
    assert list(running.rank(item, other).unknown_item_ids) == [item]
    profile = running.row("item_profile") | {"item_id": new_id}
    activity = running.row("item_activity") | {"item_id": new_id}
    answers: Counter[str] = Counter()

    def ranked() -> bool:
        answer = running.rank(item, other)
        known = item in [one.item_id for one in answer.items]
        stored = item in answer.stored_item_ids
        answers["read from the store" if stored else "known" if known else "unknown"] += 1
        return known and not stored

    writer.write("item_profile", [profile], running.now_s())
    written = writer.returned()
    assert item not in running.rank(item, other).unknown_item_ids  # from the store, if need be
    took = seen_at(ranked) - written
    writer.write("item_activity", [activity], running.now_s())
    writer.returned()
    assert took < VISIBLE_S
    measured(f"ranked at once, in memory {1e3 * took:.0f} ms after the write")


@dataclass
class Load:
    """Callers that ask without a pause until they are told to stop."""

    running: Running
    items: list[str]
    stop: threading.Event = field(default_factory=threading.Event)
    versions: Counter[str] = field(default_factory=Counter)
    marks: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def __call__(self) -> None:
        while not self.stop.is_set():
            began = time.monotonic()
            answer = self.running.rank(*self.items)
            self.seconds.append(time.monotonic() - began)
            self.versions[answer.answer.snapshot_version] += 1
            self.marks.update(f"{d.stage} {d.reason}" for d in answer.answer.degradations)
            if len(answer.items) != len(self.items):
                self.failures.append(str(answer.unknown_item_ids))


def test_point_2d_snapshots_are_swapped_under_load(
    running: Running, writer: FeastWriter, measured: Callable[[str], None]
) -> None:
    state, row = running.made.state, running.row("item_activity")
    current = state / "snapshots/current"
    snapshot = open_snapshot(current, running.bundle.plan)
    items = snapshot.names(snapshot.item_key[:: max(1, snapshot.count // 200)])
    load = Load(running, items)
    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for number in range(BUILDS):
            writer.write("item_activity", [row | {"popularity": 5e6 + number}], running.now_s())
            writer.returned()
            bundle = state / "bundles/current"
            run(
                *(PYTHON, "-m", "serving.features.snapshot", "build"),
                *("--bundle", bundle, "--state", state),
            )
            version = current.resolve().name
            seen_at(lambda version=version: load.versions[version] > 0)
    finally:
        load.stop.set()
        for thread in threads:
            thread.join()
    assert load.failures == []
    assert [mark for mark in load.marks if mark.startswith("items")] == []
    assert len(load.versions) == BUILDS + 1
    took = 1e3 * np.array(load.seconds)
    measured(
        f"{BUILDS} swaps under {len(took):,} answers of {len(items)} items, none torn or missing; "
        f"median {np.median(took):.0f} ms, longest {took.max():.0f} ms"
    )
