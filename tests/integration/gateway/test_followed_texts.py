"""A running gateway finds items by the words that they have now: new, changed, and none that are gone."""

import os
import signal
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1 import search_service_pb2 as search
from recserve.v1 import search_service_pb2_grpc as stubs

from serving.features.item_texts import VIEW, ItemTexts
from serving.features.keys import string_key
from serving.features.redis_keys import row_key
from serving.features.snapshot_build import build
from serving.features.store import RowStore
from serving.search.documents import Fields, Item
from serving.search.index import write_index
from serving.triton.ports import free_ports
from tests.integration.gateway import tiny
from tests.integration.gateway.running import Gateway, connected, eventually, launched
from tests.integration.gateway.test_followed_items import KEYS, PLAN, redis_at

FIELDS = Fields(("item_profile.department",), ("item_activity.popularity",))
WORKERS = 2


@dataclass
class Shop:
    """Its items' rows and texts in a real Redis, and its index."""

    store: RowStore
    folder: Path
    now_us: int = tiny.NOW_US

    def write(self, keys: Iterable[int], department: str, popularity: float) -> None:
        """The rows, later than all before."""
        self.now_us += 1
        each = np.array([*keys], dtype=np.int64)
        self.store.remember({string_key(department): department})
        for view, column, value in (
            ("item_profile", "department", string_key(department)),
            ("item_activity", "popularity", popularity),
        ):
            rows = PLAN.views[view].layout.empty(len(each))
            rows["event_time_us"], rows[column] = self.now_us, value
            self.store.write(view, "item_id", each, rows)

    def describe(self, key: int, title: str, *texts: str) -> None:
        self.now_us += 1
        self.store.write_texts({key: ItemTexts(self.now_us, title, texts)})

    def withdraw(self, key: int) -> None:
        for view in ("item_profile", "item_activity"):
            self.store.delete(view, "item_id", np.array([key]))

    def index(self, name: str, titles: dict[int, str], built_us: int) -> None:
        """Serves from now on."""
        target = self.folder / name
        target.mkdir(parents=True)
        items = [
            Item(key, title, (), {"item_profile.department": "bakery"})
            for key, title in titles.items()
        ]
        write_index(items, FIELDS, "en", target, built_us=built_us)
        tiny.point(self.folder / "current", target)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    socket = tmp_path / "r.sock"
    with redis_at(socket), RowStore(f"unix://{socket}", tiny.PROJECT) as store:
        shop = Shop(store, tmp_path / "search")
        shop.write(KEYS.tolist(), "bakery", 1.0)
        shop.index("first", {key: f"Bread {key}" for key in KEYS.tolist()}, shop.now_us)
        build(PLAN, store, tmp_path / "snapshots")
        yield shop


@pytest.fixture
def gateway(shop: Shop, tmp_path: Path) -> Iterator[Gateway]:
    settings = {
        "BUNDLE": str(tiny.write_bundle(tmp_path / "bundle")),
        "SNAPSHOT": str(tmp_path / "snapshots" / "current"),
        "SEARCH_INDEX": str(shop.folder / "current"),
        "REDIS_URL": f"unix://{tmp_path / 'r.sock'}",
        "TRITON_ENDPOINTS": f"127.0.0.1:{free_ports(1)[0]}",
        "WORKERS": str(WORKERS),
        "DEFAULT_DEADLINE_MS": "5000",
        "RUN_DIR": str(tmp_path / "run"),
    }
    with launched(settings, tmp_path) as gateway:
        gateway.wait_serving(WORKERS)
        yield gateway


def answers(gateway: Gateway, query: str, **fields: object) -> list[search.SearchResponse]:
    """So many that every worker is among those who gave them: once in a million times one isn't."""
    request = search.SearchRequest(query=query, page_size=100, **fields)
    found = []
    for _ in range(10 * WORKERS):
        with connected(gateway) as channel:
            found.append(stubs.SearchServiceStub(channel).Search(request))
    return found


def found(gateway: Gateway, query: str, **fields: object) -> set[tuple[str, ...]]:
    """The items that have all words, by each worker; none where nothing fits."""
    return {
        tuple(sorted(item.item_id for item in one.items))
        if one.match == search.QUERY_MATCH_ALL
        else ()
        for one in answers(gateway, query, **fields)
    }


def most_popular(gateway: Gateway) -> set[tuple[str, ...]]:
    """The first two by each worker."""
    return {
        tuple(item.item_id for item in one.items[:2])
        for one in answers(gateway, "", order_by="popularity desc")
    }


def test_changes_are_searched_by_every_worker_and_outlive_one(shop: Shop, gateway: Gateway) -> None:
    assert found(gateway, "bread 100") == {("100",)}
    shop.describe(777, "Zebra yoghurt", "dairy", "Acme", "thick and creamy")
    shop.write([777], "dairy", 300.0)
    for query in ("zebra", "yoghurts", "dairy", "acme creamy"):
        eventually(lambda q=query: found(gateway, q) == {("777",)}, f"a new item by {query}")
    shop.describe(100, "Croissant")
    eventually(lambda: found(gateway, "croissant") == {("100",)}, "a changed title")
    eventually(lambda: found(gateway, "bread 100") == {()}, "and not by the old one")
    shop.withdraw(101)
    eventually(lambda: found(gateway, "bread 101") == {()}, "an item that is no more")
    shop.write([102], "dairy", 200.0)  # its words stay those of the index
    dairy = pb.Filter(field="department", any_of=["dairy"])
    eventually(
        lambda: found(gateway, "", filters=[dairy]) == {("102", "777")}, "other features count"
    )
    for one in answers(gateway, "bread", filters=[dairy], facet_fields=["department"]):
        assert [item.item_id for item in one.items] == ["102"]
        assert [(v.value, v.count) for v in one.facets[0].values] == [("dairy", 1)]
    eventually(lambda: most_popular(gateway) == {("777", "102")}, "and the other view's")
    assert gateway.figure("recserve_overlaid_items") == 4

    before = gateway.workers()
    os.kill(before[-1], signal.SIGKILL)
    eventually(lambda: set(gateway.workers()) - set(before), "another worker starts")
    gateway.wait_serving(WORKERS)
    assert found(gateway, "zebra") == {("777",)}
    assert found(gateway, "croissant") == {("100",)}
    assert found(gateway, "bread 101") == {()}


def test_a_newer_index_has_what_came_after_it_and_nothing_older_than_itself(
    shop: Shop, gateway: Gateway
) -> None:
    shop.describe(100, "Croissant")
    shop.describe(103, "Baguette")
    eventually(lambda: found(gateway, "croissant") == {("100",)}, "a changed title")
    built_us = shop.now_us + 1
    shop.now_us = built_us
    shop.describe(103, "Pretzel")
    titles = {key: f"Bread {key}" for key in KEYS.tolist()} | {100: "Brioche", 103: "Brioche"}
    shop.index("second", titles, built_us)
    eventually(lambda: found(gateway, "brioche") == {("100",)}, "the newer index serves")
    eventually(lambda: found(gateway, "pretzel") == {("103",)}, "with what is newer than it")
    assert found(gateway, "croissant") == found(gateway, "baguette") == {()}
    shop.describe(104, "Zwieback")
    eventually(lambda: found(gateway, "zwieback") == {("104",)}, "and takes changes")


def test_texts_that_can_not_be_read_cost_nothing_but_themselves(
    shop: Shop, gateway: Gateway
) -> None:
    shop.describe(100, "x" * 5_000, *["word " * 10_000] * 10)
    name = row_key(tiny.PROJECT, "item_id", 101, VIEW)
    shop.store._redis.set(name, b"\x01" + b"\0" * 7 + b"\xff" * 40)
    shop.write([101], "bakery", 1.0)
    shop.describe(102, "")
    shop.describe(103, "Zwieback")
    eventually(lambda: found(gateway, "zwieback") == {("103",)}, "what comes after is read")
    assert found(gateway, "word") == {("100",)}
    assert found(gateway, "bread 101") == {("101",)}
    assert found(gateway, "bread 102") == {()}
    eventually(
        lambda: gateway.figure("recserve_search_changes_total", outcome="unreadable") > 0,
        "it is counted",
    )
    assert "texts of item 101, and maybe others, can't be read" in gateway.said()
