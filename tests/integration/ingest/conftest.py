"""What the ingest worker works on: a real Redis, streams that the gateway's door filled, rows."""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from recserve.v1 import request_log_pb2 as log_pb
from redis import Redis

from serving.clients.events import RedisEventStreams
from serving.events import NewEvent, Recorded
from serving.features.overlay import content_of
from serving.features.redis_keys import PARTITIONS, applied_key, events_stream, overlay_key, row_key
from serving.ingest.apply import Applier, Counts
from serving.types import Keys, Mask
from tests.fakes.event_views import NOW_US, PROJECT, event_plan

ROOM = 640_000
LONG_S = 30.0
KNOWN = 1_000  # items below are in the catalogue


@dataclass(frozen=True)
class Store:
    """A Redis and its streams."""

    client: "Redis[bytes]"
    streams: RedisEventStreams

    async def record(self, *events: log_pb.LoggedEvent) -> list[Recorded]:
        """As the gateway does."""
        return await self.streams.record([new_event(event) for event in events], LONG_S)

    def applier(self, partitions: Sequence[int] = range(PARTITIONS)) -> Applier:
        return Applier(self.client, event_plan(), partitions, known, lambda: NOW_US, Counts())

    def row(self, user: int, view: str = "user_history") -> np.void | None:
        packed = self.client.get(row_key(PROJECT, "user_id", user, view))
        return None if packed is None else event_plan().views[view].layout.read(packed)

    def overlay(self, user: int) -> list[bytes]:
        return self.client.lrange(overlay_key(PROJECT, user), 0, -1)

    def applied(self, partition: int) -> bytes | None:
        return self.client.get(applied_key(PROJECT, partition))

    def waiting(self, partition: int) -> int:
        return self.client.xlen(events_stream(PROJECT, partition))


def new_event(event: log_pb.LoggedEvent) -> NewEvent:
    user = event.event.user_id or "0"
    token = f"{user} {event.event.event_id}".encode()
    return NewEvent(int(user), token, event.SerializeToString(), content_of(event, "integer"))


def known(keys: Keys) -> Mask:
    return np.asarray(keys < KNOWN, dtype=np.bool_)


@pytest.fixture
def client(redis_url: str) -> Iterator["Redis[bytes]"]:
    with Redis.from_url(redis_url) as opened:
        yield opened


@pytest.fixture
async def store(redis_url: str, client: "Redis[bytes]") -> AsyncIterator[Store]:
    streams = RedisEventStreams.from_url(redis_url, PROJECT, ROOM)
    yield Store(client, streams)
    await streams.close()
