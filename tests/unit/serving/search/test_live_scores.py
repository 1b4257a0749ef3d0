"""After any changes the index finds, and scores, as one of the items as they are now."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from tantivy import Query

from serving.search.documents import Item
from serving.search.lexical import Found
from serving.search.live_index import LiveIndex
from serving.types import Condition
from tests.unit.serving.search.changes import (
    NEW,
    NOBODY,
    OATS,
    change,
    searched,
    with_changes,
)
from tests.unit.serving.search.made import BAKERY, DAIRY, ITEMS, item, lexical, opened

WORDS = ("milk", "oat", "cream", "soda", "bread", "nut")
KEYS = (10, 11, 12, 40, 41)
titles = some.lists(some.sampled_from(WORDS), max_size=4).map(" ".join)
state = some.tuples(titles, titles, some.sampled_from((DAIRY, BAKERY))) | some.none()
histories = some.lists(some.tuples(some.sampled_from(KEYS), state), min_size=1, max_size=12)


def as_item(key: int, given_state: tuple[str, str, int]) -> Item:
    title, text, department = given_state
    return item(key, title, text, department, float(len(title)))


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(histories, some.integers(1, 5))
def test_any_changes_in_any_parts_find_what_an_index_of_the_final_items_finds(
    tmp_path_factory: pytest.TempPathFactory,
    history: list[tuple[int, tuple[str, str, int] | None]],
    part: int,
) -> None:
    folder = tmp_path_factory.mktemp("any")
    live = LiveIndex(opened(folder / "live"))
    final = {one.key: one for one in ITEMS}
    for start in range(0, len(history), part):
        latest = dict(history[start : start + part])
        final |= {key: as_item(key, one) for key, one in latest.items() if one is not None}
        gone = [key for key, one in latest.items() if one is None]
        changes = [change(final[key]) for key in latest if key not in gone]
        final = {key: one for key, one in final.items() if key not in gone}
        live.write(changes, np.array(gone, dtype=np.int64))
        live.commit({})
    fresh = lexical(opened(folder / "fresh", list(final.values())))
    now = searched(live.current)
    for text in (*WORDS, "cheese", "milk bread", "oat cream nut", ""):
        for conditions in (
            (),
            (Condition("department", (DAIRY,)),),
            (Condition("price", maximum=4),),
        ):
            assert same(now(text, 100, conditions), fresh(text, 100, conditions), text)


def same(one: Found, other: Found, text: str) -> bool:
    """Which items, how well, and which words nobody has; a guess may be another one."""
    if one.reading.corrected or other.reading.corrected:
        return one.reading.corrected != () or one.reading.unknown != ()
    keys = [sorted(found.keys.tolist()) for found in (one, other)]
    assert keys[0] == keys[1], text
    assert (one.match, one.total) == (other.match, other.total)
    assert one.reading.unknown == other.reading.unknown
    return True


def test_scores_are_those_of_an_index_of_all_where_nothing_was_deleted(tmp_path: Path) -> None:
    added = [NEW, item(21, "Milk chocolate", "sweets", BAKERY), item(22, "Oat milk", "", DAIRY)]
    live = with_changes(tmp_path / "live", added[:1])
    live.write([change(one) for one in added[1:]], NOBODY)
    live.commit({})
    fresh = lexical(opened(tmp_path / "fresh", [*ITEMS, *added]))
    for text in ("milk", "oat milk", "quark", "dairy cheese", "chocolate"):
        one, other = searched(live.current)(text, 100), fresh(text, 100)
        assert one.keys.tolist() == other.keys.tolist()
        assert one.scores.tolist() == pytest.approx(other.scores.tolist(), rel=1e-6)


def test_deleted_documents_count_in_how_rare_a_word_is_until_they_are_merged_away(
    tmp_path: Path,
) -> None:
    live = with_changes(tmp_path / "live", [item(10, "Oat milk", "milk dairy", DAIRY)])
    fresh = lexical(
        opened(tmp_path / "fresh", [item(10, "Oat milk", "milk dairy", DAIRY), *ITEMS[1:]])
    )
    one, other = searched(live.current)("milk", 100), fresh("milk", 100)
    assert set(one.keys.tolist()) == set(other.keys.tolist())
    assert one.scores.tolist() != pytest.approx(other.scores.tolist(), rel=1e-6)
    assert one.scores.tolist() == pytest.approx(other.scores.tolist(), rel=0.25)


def test_every_document_is_read_as_its_item(tmp_path: Path) -> None:
    live = with_changes(tmp_path, [NEW, OATS], gone=[12])
    hits = live.current.searcher.search(Query.all_query(), 100).hits
    keys = live.current.keys_of([address for _, address in hits])
    assert sorted(keys.tolist()) == [10, 11, 13, 14, 15, 16, 17, 20]
