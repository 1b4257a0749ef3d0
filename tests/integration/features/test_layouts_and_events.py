"""What events make of rows is written in the registered layout alone."""

from collections.abc import Iterator

import numpy as np
import pytest
from redis import Redis

from serving.errors import LayoutMismatch
from serving.features.fields import view_layout
from serving.features.redis_keys import applied_key, row_key
from serving.features.store import RowStore
from serving.ingest.commit import Batch, NewRow, commit

NOW = view_layout("history", [{"name": "points", "dtype": "int64"}])
BEFORE = view_layout("history", [{"name": "points", "dtype": "float32"}])
KEY = row_key("shop", "user_id", 1, "history")


@pytest.fixture
def client(redis_url: str) -> Iterator["Redis[bytes]"]:
    with Redis.from_url(redis_url) as opened:
        yield opened


def test_a_worker_of_before_makes_no_new_row_and_its_events_wait(
    client: "Redis[bytes]", redis_url: str
) -> None:
    with RowStore(redis_url, "shop") as rows:
        rows.register("history", "user_id", NOW.fingerprint)
    batch = Batch(1, (0, 0), (5, 0), [NewRow(KEY, b"", BEFORE.empty(1).tobytes())], [1], [])
    with pytest.raises(LayoutMismatch, match="history is registered with another layout"):
        commit(client, "shop", batch)
    assert client.exists(KEY, applied_key("shop", 1)) == 0
    newer = Batch(1, (0, 0), (5, 0), [NewRow(KEY, b"", NOW.empty(1).tobytes())], [1], [])
    assert commit(client, "shop", newer)
    assert NOW.read(client.get(KEY) or b"")["points"] == -1
    assert np.array_equal(NOW.nulls(NOW.read_all([client.get(KEY) or b""])), [[True]])
