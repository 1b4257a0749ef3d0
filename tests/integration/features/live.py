"""Items as a gateway's worker has them, followed from a real Redis."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from serving.clients.item_changes import RedisItemChanges
from serving.clients.redis import RedisRows
from serving.features.item_values import ItemColumns
from serving.features.live_items import LiveItems
from serving.features.read_plan import ReadPlan
from serving.features.snapshot import Snapshot, open_snapshot
from serving.items import ItemSnapshot
from serving.process.follow import ItemFollower
from tests.fakes.sinks import ListRecorder

Values = dict[int, tuple[bytes, bytes, bytes]]  # of each item: int64, float32 and times


@dataclass(frozen=True)
class Gateway:
    """A follower and what it follows with."""

    plan: ReadPlan
    follower: ItemFollower
    recorder: ListRecorder

    def opened(self, folder: Path) -> LiveItems:
        return LiveItems(open_snapshot(folder, self.plan), ItemColumns(self.plan))


@asynccontextmanager
async def gateway(url: str, plan: ReadPlan) -> AsyncIterator[Gateway]:
    changes, rows = RedisItemChanges.from_url(url, plan.project), RedisRows.from_url(url)
    recorder = ListRecorder()
    follower = ItemFollower(changes, rows, ItemColumns(plan), recorder, time.monotonic)
    try:
        yield Gateway(plan, follower, recorder)
    finally:
        await changes.close()
        await rows.close()


def values(snapshot: ItemSnapshot, keys: np.ndarray) -> Values:
    """Item by item, of those of the keys that there are."""
    found: Values = {}
    for key in keys.tolist():
        rows = snapshot.positions(np.array([key], dtype=np.int64))
        if rows[0] < 0:
            continue
        patch = snapshot.changed(rows)
        of = patch.values if patch else snapshot
        at = 0 if patch else int(rows[0])
        found[key] = (
            of.int64[at].tobytes(),
            of.float32[at].tobytes(),
            of.event_time_us[at].tobytes(),
        )
    return found


def every(snapshot: Snapshot) -> Values:
    return values(snapshot, snapshot.item_key)
