"""What events take in Redis, by which the manifests give it memory."""

import hashlib

from serving.events import NewEvent
from serving.features.overlay import content_of
from serving.features.redis_keys import PARTITIONS, event_ids_key
from tests.fakes.event_views import PROJECT, logged
from tests.integration.ingest.conftest import LONG_S, Store
from tests.meta.k8s.rules_objects import EVENT_BYTES, EVENT_ID_BYTES

COUNT, PEOPLE = 20_000, 5_000
BATCH = 500


def event(number: int) -> NewEvent:
    """As long as they get in everyday use: tied to a slate, in a basket, with all its figures."""
    user = 1_000_000 + number % PEOPLE
    made = logged(f"order-{number:012d}/1", user, 1_000_000, group="b" * 16)
    made.event.quantity, made.event.value, made.event.slot = 1, 3.99, 4
    made.event.request_token = "t" * 120
    made.user_hash = b"h" * 32
    token = hashlib.blake2b(f"{user} {number}".encode(), digest_size=16).digest()
    return NewEvent(user, token, made.SerializeToString(), content_of(made, "integer"))


async def test_an_event_takes_no_more_room_than_the_manifests_count_on(store: Store):
    before = store.client.info("memory")["used_memory"]
    for start in range(0, COUNT, BATCH):
        await store.streams.record([event(n) for n in range(start, start + BATCH)], LONG_S)
    waiting = (store.client.info("memory")["used_memory"] - before) / COUNT
    assert EVENT_BYTES / 2 < waiting < EVENT_BYTES
    ids = [event_ids_key(PROJECT, partition) for partition in range(PARTITIONS)]
    kept = sum(store.client.memory_usage(key, samples=0) or 0 for key in ids) / COUNT
    assert EVENT_ID_BYTES / 2 < kept < EVENT_ID_BYTES
