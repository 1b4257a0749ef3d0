"""Packed rows in a real Redis."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from serving.errors import Failed, LayoutMismatch, SettingsError, TimedOut, Unavailable
from serving.features.fields import view_layout
from serving.features.store import BATCH, RowStore

LAYOUT = view_layout("view", [{"name": "price", "dtype": "float32"}])


@pytest.fixture
def store(redis_url: str) -> Iterator[RowStore]:
    with RowStore(redis_url, "shop") as store:
        yield store


def rows(prices: list[float], time_us: int) -> np.ndarray:
    made = LAYOUT.empty(len(prices))
    made["price"] = prices
    made["event_time_us"] = time_us
    return made


def keys(*numbers: int) -> np.ndarray:
    return np.array(numbers, dtype=np.int64)


def prices(store: RowStore, *numbers: int) -> list[float | None]:
    found = store.read("view", "item_id", keys(*numbers))
    return [None if row is None else float(LAYOUT.read(row)["price"]) for row in found]


def test_rows_come_back_in_the_order_asked_for(store: RowStore) -> None:
    assert store.write("view", "item_id", keys(1, 2), rows([1.5, 2.5], 10)) == 2
    assert prices(store, 2, 9, 1) == [2.5, None, 1.5]


@pytest.mark.parametrize(("then", "kept"), [(9, 1.0), (10, 2.0), (11, 2.0)])
def test_only_an_older_row_never_replaces(store: RowStore, then: int, kept: float) -> None:
    store.write("view", "item_id", keys(1), rows([1.0], 10))
    replaced = store.write("view", "item_id", keys(1), rows([2.0], then))
    assert prices(store, 1) == [kept]
    assert replaced == (kept == 2.0)


def test_times_before_1970_and_a_microsecond_apart_are_told_apart(store: RowStore) -> None:
    late = 4_102_444_800_000_000  # the year 2100
    for key, first, second in ((1, -5, -6), (2, late + 1, late)):
        store.write("view", "item_id", keys(key), rows([1.0], first))
        store.write("view", "item_id", keys(key), rows([2.0], second))
    assert prices(store, 1, 2) == [1.0, 1.0]


def test_more_rows_than_a_batch_are_written_and_listed(store: RowStore) -> None:
    many = np.arange(2 * BATCH + 7, dtype=np.int64)
    sent: list[int] = []
    store.write("view", "item_id", many, rows(many.tolist(), 10), sent.append)
    assert sent == [BATCH, BATCH, 7]
    assert store.entities("item_id").tolist() == many.tolist()
    assert prices(store, BATCH, 2 * BATCH + 6) == [BATCH, 2 * BATCH + 6]


def test_heads_tell_layout_and_time_and_what_is_absent(store: RowStore) -> None:
    store.write("view", "item_id", keys(1), rows([1.0], 10))
    heads = store.heads("view", "item_id", keys(3, 1))
    assert heads["event_time_us"].tolist() == [-1, 10]
    assert heads["fingerprint"][1] == LAYOUT.fingerprint


def test_deleted_rows_are_gone_and_forgotten_entities_unlisted(store: RowStore) -> None:
    store.write("view", "item_id", keys(1, 2), rows([1.0, 2.0], 10))
    store.delete("view", "item_id", keys(1))
    assert prices(store, 1, 2) == [None, 2.0]
    store.forget("item_id", keys(1))
    assert store.entities("item_id").tolist() == [2]


def test_texts_are_found_by_key_and_a_missing_one_is_an_error(store: RowStore) -> None:
    store.remember({5: "dairy", 6: "naïve"})
    assert store.texts(keys(6, 5, 6)) == {5: "dairy", 6: "naïve"}
    with pytest.raises(Failed, match="lacks the text of 1 keys, such as 7"):
        store.texts(keys(5, 7))


def test_projects_share_a_server_without_sharing_rows(store: RowStore, redis_url: str) -> None:
    store.write("view", "item_id", keys(1), rows([1.0], 10))
    with RowStore(redis_url, "other") as other:
        assert prices(other, 1) == [None]
        assert other.entities("item_id").tolist() == []


def test_nothing_to_read_or_write_is_no_error(store: RowStore) -> None:
    assert store.write("view", "item_id", keys(), rows([], 10)) == 0
    assert store.read("view", "item_id", keys()) == []
    assert store.texts(keys()) == {}
    store.remember({})


def test_no_redis_is_told_with_its_address_but_no_password(tmp_path: Path) -> None:
    store = RowStore(f"unix://{tmp_path}/none.sock", "shop")
    with pytest.raises(Unavailable, match=r"none\.sock"):
        store.entities("item_id")
    with pytest.raises(Unavailable, match=r"redis://127\.0\.0\.1:1/0") as refused:
        RowStore("redis://me:secret@127.0.0.1:1/0", "shop").entities("item_id")
    assert "secret" not in str(refused.value)


def test_a_silent_redis_times_out(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "silent.sock"))
        silent.listen()
        store = RowStore(f"unix://{tmp_path}/silent.sock", "shop", timeout_s=0.05)
        with pytest.raises(TimedOut, match="did not answer in time"):
            store.entities("item_id")


def test_a_key_of_another_kind_is_told(store: RowStore, redis_url: str) -> None:
    with Redis.from_url(redis_url) as client:
        client.set("recserve:{shop:entities}:item_id", "no set")
    with pytest.raises(Failed, match="WRONGTYPE"):
        store.entities("item_id")


def test_a_url_without_a_scheme_is_refused() -> None:
    with pytest.raises(SettingsError, match="must start with one of unix://"):
        RowStore("${RECSERVE_REDIS_URL}", "shop")


def test_the_newest_wins_whatever_the_order_and_whoever_writes(redis_url: str) -> None:
    """Four writers at once, each with the same rows in an order and batches of its own."""
    newest = 200
    several = np.repeat(np.arange(30, dtype=np.int64), newest)
    times = np.tile(np.arange(1, newest + 1), 30)
    made = LAYOUT.empty(len(several))
    made["price"], made["event_time_us"] = times + several, times

    def write(seed: int) -> None:
        order = np.random.default_rng(seed).permutation(len(several))
        with RowStore(redis_url, "shop") as own:
            for part in np.array_split(order, 20):
                own.write("view", "item_id", several[part], made[part])

    with ThreadPoolExecutor(4) as writers:
        list(writers.map(write, range(4)))
    with RowStore(redis_url, "shop") as store:
        assert prices(store, *range(30)) == [newest + key for key in range(30)]


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-5, 5)), min_size=1, max_size=30))
def test_of_rows_in_any_order_the_newest_stays(
    redis_url: str, written: list[tuple[int, int]]
) -> None:
    """Of equally new ones the last that was written, also within one call."""
    with Redis.from_url(redis_url) as client:
        client.flushdb()
    made = LAYOUT.empty(len(written))
    made["price"] = np.arange(len(written))
    made["event_time_us"] = [time for _, time in written]
    kept: dict[int, tuple[int, int]] = {}
    for place, (key, time) in enumerate(written):
        kept[key] = max(kept.get(key, (time, place)), (time, place))
    with RowStore(redis_url, "shop") as store:
        for start in range(0, len(written), 7):
            part = slice(start, start + 7)
            store.write("view", "item_id", keys(*(key for key, _ in written[part])), made[part])
        assert prices(store, *kept) == [place for _, place in kept.values()]


def test_the_registered_layout_is_the_only_one_written(store: RowStore) -> None:
    other = view_layout("view", [{"name": "price", "dtype": "float64"}])
    store.write("view", "item_id", keys(1, 2), rows([1.0, 2.0], 10))
    with pytest.raises(
        LayoutMismatch, match=rf"view .* {LAYOUT.fingerprint:016x}, .* of {other.fingerprint:016x}"
    ):
        store.write("view", "item_id", keys(2, 3), other.empty(2))
    store.register("view", "item_id", other.fingerprint)
    with pytest.raises(LayoutMismatch, match="was not written"):
        store.write("view", "item_id", keys(4), rows([4.0], 99))
    assert store.write("view", "item_id", keys(2), other.empty(1)) == 1  # of event time 0
    found = store.read("view", "item_id", keys(1, 2, 4))
    assert [None if one is None else len(one) for one in found] == [
        LAYOUT.dtype.itemsize,
        other.dtype.itemsize,
        None,
    ]
