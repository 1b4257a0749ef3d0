"""Texts of items in a real Redis: the newest stay, all are announced, and what is unknown goes."""

import io
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from redis import Redis

from serving.errors import LayoutMismatch
from serving.features.item_changes import ITEM, item_change
from serving.features.item_texts import VIEW, ItemTexts, read_texts
from serving.features.redis_keys import item_changes_stream, row_key
from serving.features.store import RowStore
from tests.integration.features.conftest import NOW
from training.errors import PreparedError, StoreError, TextsError
from training.item_texts import data_set_texts, describe
from training.online_rows import check_rows, expected_texts, remove_unknown

PROJECT = "corner_shop"
NOW_US = round(NOW.timestamp() * 1e6)


@pytest.fixture
def store(redis_url: str) -> Iterator[RowStore]:
    with RowStore(redis_url, PROJECT) as store:
        yield store


def read(store: RowStore, *keys: int) -> list[ItemTexts | None]:
    found = store.read(VIEW, ITEM, np.array(keys, dtype=np.int64))
    return [None if packed is None else read_texts(packed) for packed in found]


def test_only_older_texts_never_replace(store: RowStore) -> None:
    first = {1: ItemTexts(5, "Milk", ("dairy",)), 2: ItemTexts(5, "Bread")}
    assert store.write_texts(first) == 2
    assert store.write_texts({1: ItemTexts(4, "old"), 2: ItemTexts(6, "new")}) == 1
    assert read(store, 2, 1, 3) == [ItemTexts(6, "new"), first[1], None]
    assert store.entities(ITEM).tolist() == [1, 2]


def test_they_are_announced_after_they_were_written_a_repeated_time_too(
    store: RowStore, redis_url: str
) -> None:
    for _ in range(2):
        store.write_texts({key: ItemTexts(5, "Milk") for key in range(1_500)})
    with Redis.from_url(redis_url) as redis:
        entries = [item_change(*one) for one in redis.xrange(item_changes_stream(PROJECT))]
    assert [(entry.view, len(entry.keys)) for entry in entries] == [(VIEW, 1_000), (VIEW, 500)] * 2


def test_texts_of_another_form_are_neither_read_nor_replaced(
    store: RowStore, redis_url: str
) -> None:
    with Redis.from_url(redis_url) as redis:
        redis.set(row_key(PROJECT, ITEM, 1, VIEW), b"\2" + b"\0" * 15 + b"{}")
    with pytest.raises(LayoutMismatch, match=r"rows of item_texts .* of layout 0000000000000002"):
        store.write_texts({1: ItemTexts(5, "Milk")})


def test_what_the_data_set_lacks_goes_what_was_written_since_stays(store: RowStore) -> None:
    texts = {key: ItemTexts(NOW_US, f"item {key}") for key in (1, 2)}
    expected = [expected_texts(texts, NOW)]
    store.set_materialized_us(NOW_US)
    store.write_texts({3: ItemTexts(NOW_US - 1, "gone"), 4: ItemTexts(NOW_US + 1, "new")})
    store.write_texts({1: ItemTexts(NOW_US + 1, "changed since")})
    assert remove_unknown(store, expected, NOW) == 1
    store.write_texts(texts)
    check_rows(store, expected, NOW)
    titles = [None if one is None else one.title for one in read(store, 1, 2, 3, 4)]
    assert titles == ["changed since", "item 2", None, "new"]
    later = NOW - timedelta(days=1)  # the store is ahead of this preparation
    assert remove_unknown(store, [expected_texts([1], later)], later) == 3
    with pytest.raises(StoreError, match="item_texts: expected 1, found 0"):
        check_rows(store, [expected_texts([1], later)], later)


def test_lines_say_what_single_items_are_found_by(
    store: RowStore, state: Path, redis_url: str
) -> None:
    lines = [
        '{"item_id": "7", "title": "Zebra yoghurt", "texts": ["dairy", "Acme"]}\n',
        '{"item_id": 8, "title": "", "texts": []}\n',
    ]
    assert describe(state, redis_url, io.StringIO("".join(lines))) == 2
    seven, eight = read(store, 7, 8)
    assert seven is not None
    assert (seven.title, seven.texts) == ("Zebra yoghurt", ("dairy", "Acme"))
    assert eight is not None
    assert eight.event_time_us == seven.event_time_us > NOW_US


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "line 2 is no JSON"),
        ("7", "line 2 has not exactly the fields item_id, texts, title"),
        ({"item_id": "1", "title": "x"}, "line 2 has not exactly"),
        ({"item_id": "x", "title": "x", "texts": []}, "line 2: item_id 'x' is no integer"),
        ({"item_id": "1", "title": None, "texts": []}, "title is to be a text"),
        ({"item_id": "1", "title": "x", "texts": "x"}, "texts a list of texts"),
        ({"item_id": "1", "title": "x", "texts": [1]}, "what is in texts is to be text"),
    ],
)
def test_a_line_that_can_not_be_read_is_named(
    state: Path, redis_url: str, line: object, why: str
) -> None:
    good = json.dumps({"item_id": "1", "title": "x", "texts": []})
    bad = line if isinstance(line, str) else json.dumps(line)
    with pytest.raises(TextsError, match=why):
        describe(state, redis_url, [good, bad])


def test_a_state_folder_without_data_set_has_no_texts_and_one_without_features_is_told(
    state: Path, tmp_path: Path
) -> None:
    assert data_set_texts(state) == {}
    with pytest.raises(PreparedError, match=r"features\.yaml is missing"):
        describe(tmp_path, None, [])
