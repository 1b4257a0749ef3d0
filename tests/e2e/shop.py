"""What the running system stores: its rows, its log, its bundle, read without the gateway's code paths."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
import redis
from numpy.typing import NDArray
from recserve.v1 import request_log_pb2
from recserve.v1.request_log_pb2 import LoggedEvent

from serving.bundle import Bundle, open_bundle
from serving.features.redis_keys import PARTITIONS, events_stream, row_key
from serving.features.snapshot import Snapshot, open_snapshot
from serving.ingest.logged_events import read_event_log
from serving.local.addresses import redis_url
from tests.e2e.patience import eventually


@dataclass(frozen=True)
class Shop:
    """A state folder's data."""

    state: Path

    @cached_property
    def bundle(self) -> Bundle:
        return open_bundle(self.state / "bundles/current")

    @cached_property
    def snapshot(self) -> Snapshot:
        return open_snapshot(self.state / "snapshots/current", self.bundle.plan)

    @cached_property
    def redis(self) -> "redis.Redis[bytes]":
        return redis.Redis.from_url(redis_url(self.state))

    @cached_property
    def history(self) -> pl.DataFrame:
        """Users as known at now, the longest purchase list first."""
        return (
            pl.read_parquet(self.state / "prepared/views/user_history.parquet")
            .filter(pl.col("event_timestamp") == pl.col("event_timestamp").max())
            .sort(pl.col("owned_item").list.len(), "user_id", descending=[True, False])
        )

    def vocabulary(self, name: str) -> list[str]:
        """The texts of a category."""
        path = self.state / f"prepared/vocabularies/{name}.parquet"
        texts: list[str] = pl.read_parquet(path)["text"].to_list()
        return texts

    def users(self, count: int) -> list[str]:
        """Ids spread over all lengths of history."""
        ids = self.history["user_id"].to_list()
        return [str(ids[i]) for i in np.linspace(0, len(ids) - 1, count).astype(int)]

    @property
    def regular(self) -> str:
        """The user who bought most."""
        return str(self.history["user_id"][0])

    @property
    def searches(self) -> list[str]:
        """The sources that a model is behind."""
        return [source.name for source in self.bundle.policy.sources if source.model]

    @property
    def catalogue(self) -> NDArray[np.int64]:
        keys: NDArray[np.int64] = self.snapshot.item_key
        return keys

    def row_key(self, user: str, view: str) -> bytes:
        return row_key(self.bundle.plan.project, "user_id", int(user), view)

    def row(self, user: str, view: str) -> np.void | None:
        packed = self.redis.get(self.row_key(user, view))
        return None if packed is None else self.bundle.plan.views[view].layout.read(packed)

    def recorded(self, user: str) -> set[str]:
        """Ids of the person's events that are kept: in the stream, or in the event log by now."""
        partition = int(user) % PARTITIONS
        stream = self.redis.xrange(events_stream(self.bundle.plan.project, partition))
        waiting = [LoggedEvent.FromString(fields[b"entry"]).event for _, fields in stream]
        log = read_event_log(self.state / "events").filter(pl.col("user_id") == user).collect()
        return {e.event_id for e in waiting if e.user_id == user} | set(log["event_id"])

    def logged(self, request_id: str) -> request_log_pb2.RequestLogEntry:
        """The entry of an answer, once it is in the stream."""
        stream = f"recserve:{{{self.bundle.plan.project}}}:request_log"

        def look() -> request_log_pb2.RequestLogEntry | None:
            for _, fields in self.redis.xrevrange(stream, count=200):
                entry = request_log_pb2.RequestLogEntry.FromString(fields[b"entry"])
                if entry.answer.request_id == request_id:
                    return entry
            return None

        return eventually(look, f"the log entry of {request_id}")
